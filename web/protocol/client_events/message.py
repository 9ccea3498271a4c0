"""The fields that every client event has."""

from pydantic import BaseModel, ConfigDict, Field


class ClientMessage(BaseModel):
    """A client event; unknown fields of newer clients of the Realtime API are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str | None = Field(None, max_length=512)
