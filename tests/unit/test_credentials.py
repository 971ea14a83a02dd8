"""Credentials from the files of Docker and podman, and from helpers. Secrets are never shown."""

import base64
import json
import stat
from pathlib import Path

import pytest

from ociarchive.errors import HostError, UsageError
from ociarchive.remote.credentials import Credentials, Keyring


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def keyring(home: Path, **environment: str) -> Keyring:
    return Keyring(environment={"HOME": str(home), **environment})


def docker(home: Path, value: object, folder: str = ".docker", name: str = "config.json") -> Path:
    path = home / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def pair(found: Credentials | None) -> tuple[str, str] | None:
    return (found.user, found.password) if found is not None else None


@pytest.mark.parametrize(
    "key", ["r.example", "https://r.example", "http://r.example/", "https://r.example/v1/", "r.example/v2/"]
)
def test_docker_keys_are_hosts_and_urls(key: str, tmp_path: Path) -> None:
    docker(tmp_path, {"auths": {key: auth("a", "b:c")}})
    assert pair(keyring(tmp_path).find("r.example", "x/y")) == ("a", "b:c")
    assert keyring(tmp_path).find("s.example", "x/y") is None


def test_docker_io_has_a_key_of_its_own(tmp_path: Path) -> None:
    docker(tmp_path, {"auths": {"https://index.docker.io/v1/": auth("a", "b")}})
    assert pair(keyring(tmp_path).find("docker.io", "library/app")) == ("a", "b")


def test_the_longest_key_wins(tmp_path: Path) -> None:
    keys = {"r.example": "host", "r.example/team": "team", "r.example/team/app": "app", "r.example/tea": "other"}
    docker(tmp_path, {"auths": {key: auth(user, "x") for key, user in keys.items()}}, ".config/containers", "auth.json")
    found = {name: pair(keyring(tmp_path).find("r.example", name)) for name in ("team/app", "team/b/c", "app")}
    assert found == {"team/app": ("app", "x"), "team/b/c": ("team", "x"), "app": ("host", "x")}


def test_files_in_their_order(tmp_path: Path) -> None:
    names = {
        "first": docker(tmp_path, {"auths": {"r.example": auth("first", "x")}}, "a", "auth.json"),
        "second": docker(tmp_path, {"auths": {"r.example": auth("second", "x")}}, "b", "config.json"),
        "third": docker(tmp_path, {"auths": {"r.example": auth("third", "x")}}, "run/containers", "auth.json"),
        "fourth": docker(tmp_path, {"auths": {"r.example": auth("fourth", "x")}}, ".config/containers", "auth.json"),
        "fifth": docker(tmp_path, {"auths": {"r.example": auth("fifth", "x")}}),
    }
    environment = {
        "REGISTRY_AUTH_FILE": str(names["first"]),
        "DOCKER_CONFIG": str(names["second"].parent),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }
    for name in list(names):
        assert pair(keyring(tmp_path, **environment).find("r.example", "app")) == (name, "x")
        names[name].unlink()
        if name == "second":
            del environment["DOCKER_CONFIG"]


def test_tokens(tmp_path: Path) -> None:
    docker(tmp_path, {"auths": {"a.example": {"identitytoken": "id"}, "b.example": {"registrytoken": "reg"}}})
    one, other = keyring(tmp_path).find("a.example", "x"), keyring(tmp_path).find("b.example", "x")
    assert one is not None
    assert other is not None
    assert (one.identity_token, other.registry_token) == ("id", "reg")


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    docker(tmp_path, {"auths": {"r.example": {**auth("somebody", "hidden"), "identitytoken": "hidden"}}})
    found = keyring(tmp_path).find("r.example", "x")
    for text in (repr(found), str(found), f"{found}", repr(keyring(tmp_path, SECRET="hidden"))):  # noqa: S106  no secret
        assert "hidden" not in text
        assert "somebody" not in text


@pytest.mark.parametrize(
    "content", ["{", "[]", '"hidden"', '{"auths": {"r.example": {"auth": "hidden!"}}}', '{"a": "hidden", "a": 1}']
)
def test_a_malformed_file_is_a_call_at_fault_and_is_not_quoted(content: str, tmp_path: Path) -> None:
    path = docker(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        keyring(tmp_path).find("r.example", "x")
    assert caught.value.where == str(path)
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_files_that_say_nothing(tmp_path: Path) -> None:
    for content in ("", "{}", '{"auths": {}}', '{"auths": {"r.example": {}}}', '{"auths": []}'):
        docker(tmp_path, content)
        assert keyring(tmp_path).find("r.example", "x") is None


# Helpers


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def helper(folder: Path, name: str, script: str) -> None:
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


ANSWER = (
    'test "$1" = get && server=$(cat) && printf \'{"ServerURL":"%s","Username":"%s","Secret":"s"}\' "$server" "$server"'
)


def test_a_helper_of_a_host_and_the_store(tmp_path: Path, helpers: Path) -> None:
    helper(helpers, "one", ANSWER)
    helper(helpers, "two", ANSWER.replace('"s"', '"t"'))
    docker(tmp_path, {"credHelpers": {"r.example": "one"}, "credsStore": "two", "auths": {"s.example": {}}})
    found = {
        host: pair(keyring(tmp_path).find(host, "library/app")) for host in ("r.example", "s.example", "docker.io")
    }
    assert found == {
        "r.example": ("r.example", "s"),
        "s.example": ("s.example", "t"),
        "docker.io": ("https://index.docker.io/v1/", "t"),
    }


def test_a_helper_gives_an_identity_token(tmp_path: Path, helpers: Path) -> None:
    helper(helpers, "one", 'echo \'{"Username":"<token>","Secret":"id"}\'')
    docker(tmp_path, {"credsStore": "one"})
    found = keyring(tmp_path).find("r.example", "x")
    assert found is not None
    assert (found.identity_token, found.user) == ("id", "")


def test_a_helper_that_knows_nothing(tmp_path: Path, helpers: Path) -> None:
    helper(helpers, "one", 'echo "credentials not found in native keychain"; exit 1')
    docker(tmp_path, {"credsStore": "one"})
    ring = keyring(tmp_path)
    assert ring.find("r.example", "x") is None
    assert not ring.notes


@pytest.mark.parametrize(
    ("script", "word"),
    [("echo hidden; exit 3", "status 3"), ("echo hidden", "does not answer"), ("echo '{\"Username\":1}'", "does not")],
)
def test_a_helper_that_fails_is_named_and_not_quoted(script: str, word: str, tmp_path: Path, helpers: Path) -> None:
    helper(helpers, "one", script)
    docker(tmp_path, {"credsStore": "one"})
    ring = keyring(tmp_path)
    assert ring.find("r.example", "x") is None
    (note,) = ring.notes
    assert word in note
    assert "hidden" not in note


@pytest.mark.parametrize("name", ["absent", "../evil", "a b", "-x"])
def test_a_helper_that_is_not_there_and_names_that_are_none(name: str, tmp_path: Path, helpers: Path) -> None:
    helper(helpers, "evil", "echo x")
    docker(tmp_path, {"credHelpers": {"r.example": name}})
    ring = keyring(tmp_path)
    assert ring.find("r.example", "x") is None
    assert "not on PATH" in ring.notes[0]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / ".docker" / "config.json").mkdir(parents=True)
    with pytest.raises(HostError):
        keyring(tmp_path).find("r.example", "x")
