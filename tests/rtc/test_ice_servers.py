import pytest

from rtc.ice_servers import IceEndpoint, IceServer


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("stun:a.example", IceEndpoint("stun", "a.example", 3478, "udp")),
        ("stun:a.example:19302", IceEndpoint("stun", "a.example", 19302, "udp")),
        ("turn:10.0.0.1:99?transport=tcp", IceEndpoint("turn", "10.0.0.1", 99, "tcp")),
        ("turn:a.example?transport=UDP", IceEndpoint("turn", "a.example", 3478, "udp")),
        ("turns:a.example", IceEndpoint("turns", "a.example", 5349, "tcp")),
        ("turn:[2001:db8::1]:99", IceEndpoint("turn", "2001:db8::1", 99, "udp")),
    ],
)
def test_urls_are_read_with_their_defaults(url: str, expected: IceEndpoint) -> None:
    assert IceEndpoint.parse(url) == expected
    assert expected.tls == url.startswith("turns")


@pytest.mark.parametrize(
    "url",
    ["http://a", "turn:", "turn:a:b", "stun:host:port", "stun://a", "turn:a?transport=x", ""],
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected stun:HOST:PORT"):
        IceServer((url,))


def test_a_server_holds_its_urls_and_credential() -> None:
    server = IceServer(("turn:host:3478?transport=udp", "stun:host"), "name", "secret")
    assert server.credential == "secret"
