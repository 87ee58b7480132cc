"""A stranger and a bad record at the port: the operator sees them in the console, drains the receiver there, and lets it go on."""

from tests.stories.home import Home


def test_what_was_refused_is_read_in_the_console_and_the_receiver_is_drained_there(home: Home) -> None:
    home.daemon()
    console = home.console("--view", "relay", size=(120, 50))
    console.sees(r"LISTENING +partner-a")
    partner = home.partner()
    assert partner.say(b"GET /?password=hunter2 HTTP/1.1\n") == "401"
    assert partner.send() == "200"
    console.sees("Newest refused", r"401 .*GET /\?password=\[masked\] HTTP/1\.1")
    assert "hunter2" not in console.text()
    console.press("D")
    console.sees(r"Drain partner-a\?", "published now")
    console.press("y")
    console.sees(r"drained and paused: receiver partner-a", r"PAUSED +partner-a")
    assert len(list((home.relay / "inbox" / "partner-a").glob("*_request.txt"))) == 1
    console.press("P", "y")
    console.sees(r"LISTENING +partner-a")
    assert home.partner().send() == "200"
    assert "hunter2" not in "".join(path.read_text(errors="replace") for path in home.relay.rglob("*.jsonl"))
