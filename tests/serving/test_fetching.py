"""Photos from URLs: what is fetched, and what no URL may reach."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from agent.serving import fetching
from agent.serving.fetching import LARGEST, MOST_KEPT, Fetched, Web, fetch, is_public, system_resolver
from agent.serving.reach import Reach
from agent.serving.references import open_reference
from agent.settings import load_settings
from tools.errors import InputError

PUBLIC, OTHER_PUBLIC, PRIVATE = "93.184.215.14", "2606:4700::6810", "192.168.1.1"
HOST = "photos.example"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the host, which clients that are told so trust, and its key, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string(f"CN={HOST}")
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "host.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return file


class Host(ThreadingHTTPServer):
    """A web server on loopback; ``answer`` is what it does with a request."""

    daemon_threads = True

    def __init__(self, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda asked: _send(asked, 200, _jpeg())
        self.asked: list[tuple[str, str | None]] = []
        self.over = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that break off are what is tested here."""


class _Answering(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))
        self.server.answer(self)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host(certificate: Path) -> Iterator[Host]:
    with Host(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@dataclass
class Rerouted(httpcore2.AsyncNetworkBackend):
    """Every connection, to whatever address, ends at the host on loopback; ``dialled`` says what was asked for."""

    port: int
    dialled: list[tuple[str, int]] = field(default_factory=list)
    dead: tuple[str, ...] = ()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.dialled.append((host, port))
        if host in self.dead:
            raise httpcore2.ConnectError
        return await httpcore2.AnyIOBackend().connect_tcp("127.0.0.1", self.port, timeout)


@dataclass
class Names:
    """A resolver that gives the next of its answers at each question, and the last one for ever."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class Internet:
    host: Host
    network: Rerouted
    tls: ssl.SSLContext

    def web(self, *answers: list[str], seconds: float = 10) -> tuple[Web, Names]:
        names = Names(list(answers) or [[PUBLIC]])
        return Web(names.resolve, self.network, self.tls, seconds), names


@pytest.fixture
def internet(host: Host, certificate: Path) -> Internet:
    return Internet(host, Rerouted(host.server_port), ssl.create_default_context(cafile=str(certificate)))


def test_a_photo_is_fetched_from_the_address_that_was_checked(internet: Internet) -> None:
    web, names = internet.web([PUBLIC, OTHER_PUBLIC])
    data, name = fetch(f"https://{HOST}/album/me%20at%20sea.jpg?size=large", web)
    assert Image.open(BytesIO(data)).size == (64, 48)
    assert name == "me at sea.jpg"
    assert names.asked == [HOST]
    assert internet.network.dialled == [(PUBLIC, 443)]
    assert internet.host.asked == [("/album/me%20at%20sea.jpg?size=large", HOST)]


def test_an_address_that_does_not_answer_gives_way_to_the_next(internet: Internet) -> None:
    internet.network.dead = (OTHER_PUBLIC,)
    fetch(f"https://{HOST}/", internet.web([OTHER_PUBLIC, PUBLIC])[0])
    assert [address for address, _ in internet.network.dialled] == [OTHER_PUBLIC, PUBLIC]


@pytest.mark.parametrize("answers", [[PRIVATE], [PUBLIC, PRIVATE], [PUBLIC, "::1"], ["not an address"], []])
def test_one_address_that_is_not_public_is_enough_to_refuse_a_name(internet: Internet, answers: list[str]) -> None:
    with pytest.raises(InputError, match=f"no host {HOST} on the public web"):
        fetch(f"https://{HOST}/", internet.web(answers)[0])
    assert not internet.network.dialled


def test_a_name_is_never_resolved_a_second_time_for_a_connection(internet: Internet) -> None:
    web, names = internet.web([PUBLIC], ["127.0.0.1"])
    fetch(f"https://{HOST}/", web)
    assert names.asked == [HOST]
    assert [address for address, _ in internet.network.dialled] == [PUBLIC]


def test_a_redirect_is_followed_and_checked_like_the_first_url(internet: Internet) -> None:
    internet.host.answer = _redirects({"/1": "/2", "/2": f"https://{HOST}/3", "/3": "4"})
    assert fetch(f"https://{HOST}/1", internet.web()[0])[0] == _jpeg()
    assert [path for path, _ in internet.host.asked] == ["/1", "/2", "/3", "/4"]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (f"http://{HOST}/", "by https alone"),
        ("file:///etc/passwd", "by https alone"),
        (f"https://{HOST}:8443/", "names a port"),
        (f"https://me:secret@{HOST}/", "user name or a password"),
        ("https://inside.example/", "no host inside.example"),
        ("https://169.254.169.254/latest/meta-data", "no host 169.254.169.254"),
        ("https://[::1]/", "no host ::1"),
        ("//inside.example/", "no host inside.example"),
    ],
)
def test_a_redirect_leads_nowhere_that_a_url_may_not(internet: Internet, target: str, sentence: str) -> None:
    internet.host.answer = _redirects({"/": target})
    web, names = internet.web([PUBLIC], [PRIVATE])
    with pytest.raises(InputError, match=sentence):
        fetch(f"https://{HOST}/", web)
    assert internet.network.dialled == [(PUBLIC, 443)]
    assert len(internet.host.asked) == 1
    assert len(names.asked) <= 2


def test_more_than_three_redirects_are_too_many(internet: Internet) -> None:
    internet.host.answer = _redirects({f"/{step}": f"/{step + 1}" for step in range(1, 9)})
    with pytest.raises(InputError, match="more than 3 times"):
        fetch(f"https://{HOST}/1", internet.web()[0])
    assert len(internet.host.asked) == 4


def test_too_large_a_file_is_broken_off_while_it_comes(internet: Internet) -> None:
    sent = []

    def endless(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.end_headers()
        while len(sent) < 1000:
            asked.wfile.write(bytes(1_000_000))
            sent.append(1)

    internet.host.answer = endless
    with pytest.raises(InputError, match="more than 10 MB"):
        fetch(f"https://{HOST}/", internet.web()[0])
    assert len(sent) * 1_000_000 < 10 * LARGEST


@pytest.mark.parametrize("when", ["before the answer", "in the head", "in the photo"])
def test_a_host_that_trickles_is_given_up(internet: Internet, when: str) -> None:
    def trickle(asked: BaseHTTPRequestHandler) -> None:
        if when == "in the head":
            asked.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        if when == "in the photo":
            asked.send_response(200)
            asked.end_headers()
        while not internet.host.over.wait(0.1):
            asked.wfile.write(b"" if when == "before the answer" else b"x")

    internet.host.answer = trickle
    with pytest.raises(InputError, match=r"within 0\.5 seconds"):
        fetch(f"https://{HOST}/", internet.web(seconds=0.5)[0])


def test_a_resolver_that_hangs_is_given_up(internet: Internet) -> None:
    async def forever(_: str) -> list[str]:
        import anyio

        await anyio.sleep_forever()
        return []

    with pytest.raises(InputError, match=r"within 0\.2 seconds"):
        fetch(f"https://{HOST}/", Web(forever, internet.network, internet.tls, 0.2))


def test_a_host_with_another_hosts_certificate_is_not_asked(internet: Internet) -> None:
    with pytest.raises(InputError, match=r"other\.example cannot be reached"):
        fetch("https://other.example/", internet.web()[0])
    assert not internet.host.asked


@pytest.mark.parametrize("status", [204, 304, 404, 500])
def test_an_answer_that_is_no_photo_is_told_by_its_number(internet: Internet, status: int) -> None:
    internet.host.answer = lambda asked: _send(asked, status, b"")
    with pytest.raises(InputError, match=f"answered {status}"):
        fetch(f"https://{HOST}/", internet.web()[0])


def test_a_proxy_of_the_environment_is_not_asked(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fetch(f"https://{HOST}/", internet.web()[0])
    assert internet.network.dialled == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    "written",
    [
        "localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "[fd00::1]",
        "[fe80::1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_this_machine_and_its_networks_are_out_of_reach(internet: Internet, written: str) -> None:
    """By the resolver of the system, which understands every way of writing an address."""
    with pytest.raises(InputError, match="on the public web"):
        fetch(f"https://{written}/photo.jpg", Web(system_resolver, internet.network, internet.tls))
    assert not internet.network.dialled


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://photos.example/a.jpg", "by https alone"),
        ("ftp://photos.example/a.jpg", "by https alone"),
        ("https:///a.jpg", "by https alone"),
        ("https://photos.example:80/", "names a port"),
        ("https://user@photos.example/", "user name"),
        ("https://photos.example@inside.example/", "user name"),
        ("https://0177.0.0.1/", "not well-formed"),
        ("https://[::1/", "not well-formed"),
        ("https://photos.example:https/", "not well-formed"),
    ],
)
def test_a_url_of_another_kind_is_refused_before_anything_is_resolved(
    internet: Internet, url: str, sentence: str
) -> None:
    web, names = internet.web()
    with pytest.raises(InputError, match=sentence):
        fetch(url, web)
    assert not names.asked


@pytest.mark.parametrize("address", [PUBLIC, OTHER_PUBLIC, "8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["fec0::1", "ff02::1", "::7f00:1", "198.18.0.1", "192.0.2.1", "fe80::1%1", ""])
def test_addresses_of_other_networks_are_not(address: str) -> None:
    assert not is_public(address)


def test_urls_are_off_until_a_setting_turns_them_on(
    home: Path, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, _ = internet.web()
    monkeypatch.setattr(fetching, "Web", lambda: web)
    url = f"https://{HOST}/me.png"
    with pytest.raises(InputError, match="STEADFACE_FETCH_URLS=true"):
        open_reference(url, load_settings(), Reach.NETWORK)
    assert not internet.network.dialled
    monkeypatch.setenv("STEADFACE_FETCH_URLS", "true")
    png, name = open_reference(url, load_settings(), Reach.NETWORK)
    assert Image.open(BytesIO(png)).format == "PNG"
    assert name == "me.png"


def test_what_a_url_leads_to_must_be_a_photo(home: Path, internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    web, _ = internet.web()
    monkeypatch.setattr(fetching, "Web", lambda: web)
    monkeypatch.setenv("STEADFACE_FETCH_URLS", "true")
    internet.host.answer = lambda asked: _send(asked, 200, b"<html>Sign in</html>")
    with pytest.raises(InputError, match=r"me\.png is not an image"):
        open_reference(f"https://{HOST}/me.png", load_settings(), Reach.STDIO)


def test_the_photo_that_was_looked_at_is_the_one_that_is_used(
    home: Path, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user answers for a photo; a host that sends another one a moment later does not get it in."""
    web, _ = internet.web()
    monkeypatch.setattr(fetching, "Web", lambda: web)
    monkeypatch.setenv("STEADFACE_FETCH_URLS", "true")
    url = f"https://{HOST}/somebody.png"
    first, _ = open_reference(url, load_settings(), Reach.STDIO)
    internet.host.answer = lambda asked: _send(asked, 200, _jpeg("navy"))
    assert open_reference(url, load_settings(), Reach.STDIO)[0] == first
    assert len(internet.host.asked) == 1
    assert open_reference(f"{url}?again", load_settings(), Reach.STDIO)[0] != first


def test_what_was_fetched_is_each_callers_own_and_not_kept_for_long(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, _ = internet.web()
    monkeypatch.setattr(fetching, "Web", lambda: web)
    fetched = Fetched()
    for whose in ("alice", "bob", "alice"):
        fetched.get(whose, f"https://{HOST}/")
    assert len(internet.host.asked) == 2
    for number in range(MOST_KEPT):
        fetched.get("alice", f"https://{HOST}/{number}")
    fetched.get("bob", f"https://{HOST}/")
    assert len(internet.host.asked) == 2 + MOST_KEPT + 1
    monkeypatch.setattr(fetching, "KEPT_SECONDS", 0.0)
    fetched.get("bob", f"https://{HOST}/")
    assert len(internet.host.asked) == 2 + MOST_KEPT + 2


def _send(asked: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    asked.send_response(status)
    for name, value in headers.items():
        asked.send_header(name, value)
    asked.send_header("Content-Length", str(len(body)))
    asked.end_headers()
    asked.wfile.write(body)


def _redirects(leads: dict[str, str]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Sends each of these paths on, and answers the others with the photo."""

    def answer(asked: BaseHTTPRequestHandler) -> None:
        if asked.path in leads:
            _send(asked, 302, b"", Location=leads[asked.path])
        else:
            _send(asked, 200, _jpeg())

    return answer


def _jpeg(colour: str = "tan") -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "JPEG")
    return out.getvalue()
