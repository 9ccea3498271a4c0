import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from web.access.client_address import Proxies, on_this_machine, subscriber

PROXIES = Proxies.parse(("127.0.0.1", "10.0.0.0/8", "fd00::/8"))


def scope(peer: str | None, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", each.encode("latin-1")) for each in forwarded]
    return {"type": "http", "client": peer and (peer, 1), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("6.6.6.6", (), "6.6.6.6"),
        ("6.6.6.6", ("1.1.1.1",), "6.6.6.6"),  # nobody has to believe a client
        ("127.0.0.1", (), "127.0.0.1"),
        ("127.0.0.1", ("1.1.1.1",), "1.1.1.1"),
        ("127.0.0.1", ("9.9.9.9, 1.1.1.1",), "1.1.1.1"),  # the client sent the first
        ("127.0.0.1", ("9.9.9.9", "1.1.1.1"), "1.1.1.1"),  # in lines of its own
        ("127.0.0.1", ("127.0.0.1, 1.1.1.1, 10.0.0.2",), "1.1.1.1"),
        ("127.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("127.0.0.1", ("1.1.1.1:4711, 10.0.0.2:80",), "1.1.1.1"),
        ("127.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::1"),
        ("127.0.0.1", ("2001:DB8:0::1",), "2001:db8::1"),
        ("127.0.0.1", ("::ffff:1.1.1.1",), "1.1.1.1"),
        ("::ffff:127.0.0.1", ("1.1.1.1",), "1.1.1.1"),
        ("fd00::1", ("1.1.1.1",), "1.1.1.1"),
        ("127.0.0.1", ("1.1.1.1, unknown, 10.0.0.2",), "10.0.0.2"),
        ("127.0.0.1", ("1.1.1.1, ",), "127.0.0.1"),
        ("testclient", ("1.1.1.1",), "testclient"),
        (None, ("1.1.1.1",), ""),
    ],
)
def test_the_client_is_the_last_that_no_trusted_proxy_is(
    peer: str | None, forwarded: tuple[str, ...], client: str
) -> None:
    assert PROXIES.client(scope(peer, *forwarded)) == client


@given(claimed=st.lists(st.ip_addresses().map(str) | st.text("0123456789abf:.,[] ", max_size=9)))
def test_nothing_that_a_client_sends_through_a_proxy_changes_its_address(
    claimed: list[str],
) -> None:
    hops = (*claimed, "6.6.6.6")
    assert PROXIES.client(scope("127.0.0.1", ", ".join(hops))) == "6.6.6.6"
    assert PROXIES.client(scope("127.0.0.1", *hops)) == "6.6.6.6"
    assert PROXIES.client(scope("6.6.6.6", *claimed)) == "6.6.6.6"


def test_an_ipv6_network_of_one_customer_counts_as_one() -> None:
    assert subscriber("2001:db8:1:2:3::4") == subscriber("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert subscriber("2001:db8:1:3::9") != subscriber("2001:db8:1:2::9")
    assert subscriber("1.2.3.4") != subscriber("1.2.3.5")
    assert subscriber("::ffff:1.2.3.4") == "1.2.3.4"


def test_this_machine_is_known_by_its_loopback_addresses_or_none() -> None:
    assert all(map(on_this_machine, ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "")))
    assert not any(map(on_this_machine, ("1.2.3.4", "0.0.0.0", "::2", "::ffff:1.2.3.4")))
