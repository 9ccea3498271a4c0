"""What every event of a client has."""

from pydantic import BaseModel, ConfigDict, Field


class Message(BaseModel):
    """Fields that newer clients of the Realtime API add are let pass."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str | None = Field(None, max_length=512)
