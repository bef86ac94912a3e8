from __future__ import annotations

import pytest

from .conftest import PASSWORD, USER, Server

FORM = {"username": USER, "password": PASSWORD}
HTML = {"accept": "text/html"}


def test_the_page_speaks_the_readers_language_and_remembers_the_switch(server: Server) -> None:
    with server.client(headers=HTML) as browser:
        assert 'lang="zh-CN"' in browser.get("/login", headers={"accept-language": "zh-TW,en;q=0.5"}).text
        assert 'lang="en"' in browser.get("/login", headers={"accept-language": "de, en"}).text
        assert browser.get("/login?lang=zh-CN&next=/x").headers["location"] == "/login?next=/x"
        page = browser.get("/login", headers={"accept-language": "en"})
        assert "用户名" in page.text
        assert "http" not in page.text.replace("http-equiv", "")
        assert "script" not in page.headers["content-security-policy"]
        assert browser.get("/login/style.css").headers["content-type"].startswith("text/css")
        assert browser.get("/favicon.svg").status_code == 200


def test_log_in_use_log_out(server: Server) -> None:
    with server.client(headers={**HTML, "x-forwarded-for": "203.0.113.10"}) as browser:
        answer = browser.post("/login", data={**FORM, "next": "/"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()
        assert "secure" not in cookie.lower()
        assert browser.get("/").json() == {"page": "here"}
        token = browser.cookies["sid"]
        assert browser.post("/logout").status_code == 303
        assert browser.get("/api/jobs", headers={"accept": "*/*"}, cookies={"sid": token}).status_code == 401
    stored = b"".join(path.read_bytes() for path in server.data_dir.glob("whisper.sqlite*"))
    assert token.encode() not in stored


def test_a_planted_session_is_not_the_one_that_logs_in(server: Server) -> None:
    """Neither a made-up cookie nor somebody else's open session becomes the one of whoever logs in over it."""
    with server.client(headers={**HTML, "x-forwarded-for": "203.0.113.14"}) as browser:
        browser.post("/login", data=FORM)
        for planted in ("x" * 43, browser.cookies["sid"]):
            over = browser.post("/login", data=FORM, headers={"cookie": f"sid={planted}"})
            assert over.status_code == 303
            assert planted not in over.headers["set-cookie"]
            with server.client(headers={"cookie": f"sid={planted}"}) as attacker:
                assert attacker.get("/api/jobs").status_code == 401


def test_cookies_are_bound_to_https_behind_the_proxy(server: Server) -> None:
    headers = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.11"}
    with server.client(headers=headers) as browser:
        cookie = browser.post("/login", data=FORM).headers["set-cookie"]
    assert cookie.startswith("__Host-sid=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


def test_a_wrong_password_says_so_and_keeps_the_name(server: Server) -> None:
    with server.client(headers={**HTML, "x-forwarded-for": "203.0.113.12"}) as browser:
        answer = browser.post("/login", data={"username": '"><b>', "password": "no"})
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "&quot;&gt;&lt;b&gt;" in answer.text
    assert "<b>" not in answer.text


def test_guessing_is_slowed_down_for_this_address_only(server: Server) -> None:
    with server.client(headers={"accept": "application/json"}) as client:
        guesser = {"x-forwarded-for": "2001:db8::1"}
        for number in range(5):
            guess = client.post("/login", data={**FORM, "password": f"guess {number}"}, headers=guesser)
            assert guess.status_code == 401
        neighbour = {"x-forwarded-for": "2001:db8::2"}  # the same /64
        locked = client.post("/login", data=FORM, headers=neighbour)
        assert locked.status_code == 429
        assert 0 < int(locked.headers["retry-after"]) <= 30
        assert client.get("/v1/models", auth=(USER, PASSWORD), headers=guesser).status_code == 429
        assert client.post("/login", data=FORM, headers={"x-forwarded-for": "2001:db8:1::1"}).status_code == 303


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb"],
)
def test_the_way_back_never_leaves_this_site(server: Server, target: str) -> None:
    with server.client(headers={"x-forwarded-for": "203.0.113.13"}) as browser:
        assert browser.post("/login", data={**FORM, "next": target}).headers["location"] == "/"


def test_a_large_login_form_is_refused(server: Server) -> None:
    with server.client(headers={"x-forwarded-for": "203.0.113.14"}) as browser:
        assert browser.post("/login", data={**FORM, "password": "x" * 10_000}).status_code == 413
