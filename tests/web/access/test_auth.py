from datetime import UTC, datetime, timedelta

import pytest

from web.access.auth import Caller, Keys, bearer_token, subprotocol_key
from web.access.keys import kept_secrets, revoked_secrets
from web.access.keys.key_file import key_digest
from web.access.keys.scopes import ALL_SCOPES, SECRET_SCOPES, ApiKey, KeyLimits, KeyScope
from web.cluster.directory import Directory, EdgeReport, SharedSecret
from web.cluster.shared_access import NOTHING, AccessNews
from web.problems import ProblemError


def named(name: str, *scopes: KeyScope, text: str = "", expires: datetime | None = None) -> ApiKey:
    """Return a key whose text is its name, unless another is given."""
    allowed = frozenset(scopes) or frozenset({KeyScope.SESSIONS, KeyScope.SECRETS})
    return ApiKey(name, key_digest(text or name), allowed, expires=expires)


def refused(keys: Keys, given: str | None, now: float = 0) -> bool:
    try:
        keys.authenticate(given, now=now)
    except ProblemError as problem:
        return problem.status == 401
    return False


def test_without_a_key_anybody_comes_in() -> None:
    assert Keys(None).authenticate(None, now=0) == Caller()
    assert Keys(None).authenticate("any", now=0) == Caller()
    assert Caller().scopes == ALL_SCOPES


@pytest.mark.parametrize(
    "given", [None, "", "sesame ", "SESAME", "ek_made_up", "sésame", "\udc73", "sesame\0", "a" * 9]
)
def test_with_a_key_nothing_else_opens(given: str | None) -> None:
    keys = Keys("sesame", [named("anna")])
    assert refused(keys, given)
    for key in ("sesame", "anna"):
        assert not refused(keys, key)
        assert refused(keys, key_digest(key).hex())


def test_a_file_without_a_valid_key_opens_to_nobody() -> None:
    assert refused(Keys(None, []), None)
    assert refused(Keys(None, []), "")


def test_a_key_of_the_file_may_do_what_is_in_it_and_the_one_of_the_settings_all() -> None:
    keys = Keys("sesame", [named("anna", KeyScope.FILES)])
    assert keys.authenticate("anna", now=0).scopes == {KeyScope.FILES}
    assert keys.authenticate("sesame", now=0).scopes == ALL_SCOPES


def test_a_secret_opens_for_its_lifetime_and_brings_its_session() -> None:
    keys = Keys("sesame")
    secret = keys.mint({"instructions": "Be brief."}, now=10, lifetime=60)
    minted = keys.mint({}, now=10, lifetime=60, caller=keys.authenticate("sesame", now=0))
    assert refused(keys, secret.value, now=69), "made without the key that is needed"
    assert keys.authenticate(minted.value, now=69).scopes == SECRET_SCOPES
    assert refused(keys, minted.value, now=70)
    assert Keys(None).mint({"voice": "x"}, now=0, lifetime=1).session == {"voice": "x"}


def test_a_secret_may_not_do_more_than_its_key_may_now_and_has_its_limits() -> None:
    before = named("anna", KeyScope.SECRETS, KeyScope.SESSIONS, KeyScope.WATCH)
    keys = Keys(None, [before])
    secret = keys.mint({}, now=0, lifetime=60, caller=keys.authenticate("anna", now=0))
    assert keys.authenticate(secret.value, now=1).scopes == {KeyScope.SESSIONS, KeyScope.WATCH}
    after = ApiKey("anna", before.digest, frozenset({KeyScope.WATCH}), KeyLimits(sessions=2))
    keys.replace([after])
    caller = keys.authenticate(secret.value, now=1)
    assert caller.scopes == {KeyScope.WATCH}
    assert caller.key is not None
    assert caller.key.limits.sessions == 2


@pytest.mark.parametrize(
    "change", [[], [named("anna", text="another")], [named("bob", text="anna")]], ids=len
)
def test_a_secret_ends_with_its_key(change: list[ApiKey]) -> None:
    keys = Keys("sesame", [named("anna")])
    caller = keys.authenticate("anna", now=0)
    secret = keys.mint({}, now=0, lifetime=60, caller=caller)
    holder = keys.authenticate(secret.value, now=1)
    keys.replace(change)
    assert refused(keys, secret.value, now=1)
    assert not keys.is_valid(caller)
    assert not keys.is_valid(holder)
    assert keys.is_valid(keys.authenticate("sesame", now=1))


def test_a_key_and_its_secrets_expire() -> None:
    time = [datetime(2030, 1, 1, tzinfo=UTC)]
    keys = Keys(None, [named("anna", expires=time[0])], today=lambda: time[-1])
    caller = keys.authenticate("anna", now=0)
    secret = keys.mint({}, now=0, lifetime=60, caller=caller)
    assert not refused(keys, secret.value)
    time.append(time[0] + timedelta(microseconds=1))
    assert refused(keys, "anna")
    assert refused(keys, secret.value)
    assert not keys.is_valid(caller)


def test_a_key_that_makes_many_secrets_costs_others_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_secrets, "MAX_SECRETS", 4)
    keys = Keys(None, [named("anna"), named("bob")])
    anna, bob = (keys.authenticate(name, now=0) for name in ("anna", "bob"))
    one = keys.mint({}, now=0, lifetime=60, caller=anna)
    many = [keys.mint({}, now=0, lifetime=60, caller=bob) for _ in range(10)]
    assert not refused(keys, one.value)
    assert [refused(keys, each.value) for each in many] == [True] * 7 + [False] * 3


def test_large_configurations_cost_the_key_that_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_secrets, "MAX_BYTES", 400)
    keys = Keys(None, [named("anna"), named("bob")])
    anna, bob = (keys.authenticate(name, now=0) for name in ("anna", "bob"))
    small = [keys.mint({}, now=0, lifetime=60, caller=anna) for _ in range(3)]
    large = [keys.mint({"a": "x" * 150}, now=0, lifetime=60, caller=bob) for _ in range(4)]
    assert not any(refused(keys, each.value) for each in small)
    assert [refused(keys, each.value) for each in large] == [True] * 2 + [False] * 2
    assert large[-1].session == {"a": "x" * 150}


@pytest.mark.parametrize(
    ("header", "key"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer", None)],
)
def test_the_key_is_read_from_the_authorization_header(header: str, key: str | None) -> None:
    assert bearer_token({"authorization": header}) == key
    assert bearer_token({}) is None


def test_the_key_is_read_from_a_browser_s_subprotocols() -> None:
    assert subprotocol_key(["realtime", "openai-insecure-api-key.abc"]) == "abc"
    assert subprotocol_key(["realtime"]) is None


def test_a_caller_reaches_what_it_opened_and_a_key_what_its_secrets_opened() -> None:
    keys = Keys("sesame", [named("anna"), named("bob")])
    service, anna, bob = (keys.authenticate(each, now=0) for each in ("sesame", "anna", "bob"))
    one, other, bobs = (
        keys.authenticate(keys.mint({}, now=0, lifetime=9, caller=each).value, now=1)
        for each in (anna, anna, bob)
    )
    everybody = (service, anna, bob, one, other, bobs)
    reached = {
        "service": [service.reaches(each.owner) for each in everybody],
        "anna": [anna.reaches(each.owner) for each in everybody],
        "one": [one.reaches(each.owner) for each in everybody],
    }
    assert reached == {
        "service": [True] * 6,
        "anna": [False, True, False, True, True, False],
        "one": [False, False, False, True, False, False],
    }


def test_a_secret_that_watches_a_session_reaches_that_alone() -> None:
    keys = Keys("sesame")
    caller = keys.authenticate("sesame", now=0)
    secret = keys.mint({}, now=0, lifetime=9, caller=caller, watches="sess_1")
    viewer = keys.authenticate(secret.value, now=1)
    assert viewer.watches("sess_1")
    assert not viewer.watches("sess_2")
    assert not viewer.reaches(caller.owner)
    assert not caller.watches("sess_1")


def test_a_secret_that_watches_is_over_when_it_expires_and_any_when_it_is_revoked() -> None:
    keys = Keys("sesame", [named("anna", text="eyl_secret")])
    anna, service = keys.authenticate("eyl_secret", now=0), keys.authenticate("sesame", now=0)
    watching = keys.mint({}, now=0, lifetime=9, caller=anna, watches="sess_1")
    opening = keys.mint({}, now=0, lifetime=9, caller=anna)
    viewer, opener = (keys.authenticate(each.value, now=1) for each in (watching, opening))
    assert [keys.is_current(viewer, now=now) for now in (8, 9)] == [True, False]
    assert keys.is_current(opener, now=9), "its sessions go on"
    assert not keys.revoke(opening.owner, opener), "no secret revokes one"
    assert not keys.revoke("secret_none", anna)
    assert keys.revoke(opening.owner, anna)
    assert not keys.is_current(opener, now=1)
    assert not keys.revoke(opening.owner, anna)
    assert keys.revoke(watching.owner, service)
    with pytest.raises(ProblemError):
        keys.authenticate(watching.value, now=1)


def test_a_revoked_secret_stays_revoked_however_many_others_are_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(revoked_secrets, "MAX_REVOKED", 3)
    keys = Keys("sesame")
    secret = keys.mint({}, now=0.0, lifetime=60)
    keys.revoked.merge([secret.owner])  # on another machine
    keys.revoked.merge(f"secret_{number}" for number in range(4))
    assert secret.owner not in keys.revoked
    with pytest.raises(ProblemError):
        keys.authenticate(secret.value, now=1.0)
    directory = Directory(1.5, 60.0)
    directory.share_secret(SharedSecret(secret.value, secret.owner, "{}", 60.0), 0.0)
    edge = EdgeReport("e", "http://e", "n", 0, 1)
    for owners in ([secret.owner], [f"secret_{number}" for number in range(4)]):
        news = AccessNews(NOTHING, revoked=tuple(owners))
        directory.report(edge, {}, 0.0, news)
    assert directory.secret(secret.value, 1.0) is None


def test_a_secret_that_is_over_is_nobody_even_if_no_key_is_needed() -> None:
    keys = Keys(None)
    secret = keys.mint({}, now=0, lifetime=9, watches="sess_1")
    assert keys.authenticate("anything", now=9).secret is None
    for given in (secret.value, "ek_made_up"):
        with pytest.raises(ProblemError):
            keys.authenticate(given, now=9)


def test_no_name_of_a_caller_gives_its_key_away() -> None:
    keys = Keys("sesame", [named("anna", text="eyl_secret")])
    caller = keys.authenticate("eyl_secret", now=0)
    secret = keys.mint({}, now=0, lifetime=60, caller=caller)
    holder = keys.authenticate(secret.value, now=0)
    assert secret.value[3:] not in secret.owner
    assert secret.owner[7:] not in secret.value
    for shown in (holder.name, repr(holder), repr(secret), repr(caller)):
        assert secret.value[3:] not in shown
        assert "eyl_secret" not in shown
        assert key_digest("eyl_secret").hex() not in shown
    assert holder.name == holder.owner == f"anna/{secret.owner}"
