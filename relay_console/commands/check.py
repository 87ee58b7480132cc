"""``check``: the plugin of a monitoring system. Whatever happens, one line on stdout and 0, 1, 2 or 3: anything else would be misread.

What cannot be looked at is UNKNOWN: a wrong option, a broken configuration, a daemon that hangs, a bug. `plugin` says what the rest is.
"""

import logging
import os
import signal
import time
from collections.abc import Sequence
from typing import Any, Final

import click

from link.errors import LinkError
from relay_console import output, plugin
from relay_console.asking import gather
from relay_console.errors import Trouble
from relay_console.options import DurationType, Shared, config_option
from relay_console.perfdata import Limits
from relay_console.plugin import CODES, EVERYTHING, KINDS, Verdict

log = logging.getLogger(__name__)

TIMEOUT: Final = 10.0  # seconds; monitoring systems wait at least that long


@click.command()
@click.argument("words", nargs=-1, metavar="[KIND] [NAME]...")
@click.option("--warn", type=DurationType(), metavar="AGE", help="Of topics: age of the newest record, instead of the configured limits.")
@click.option("--crit", type=DurationType(), metavar="AGE", help="The same for CRITICAL.")
@click.option("--warn-lag", type=click.IntRange(min=0), metavar="N", help="Of offsets: lag above which it is WARNING.")
@click.option("--crit-lag", type=click.IntRange(min=0), metavar="N", help="The same for CRITICAL.")
@click.option("--wait", type=DurationType(), metavar="60s", help="Without a daemon: look twice, so that there are rates.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1, max=3600), default=TIMEOUT, metavar="S", show_default=True, help="Seconds until UNKNOWN."
)
@config_option
@click.pass_obj
def check(shared: Shared, /, words: Sequence[str], **given: Any) -> int:
    """One line for a monitoring system; exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

    KIND is topics, offsets, heap, queues or relays; without it all of them. NAME is a name, which must be there, or a filter.
    """
    kind, names = (words[0], words[1:]) if words and words[0] in KINDS else (None, words)
    service = kind.upper() if kind else EVERYTHING
    limits = _limits(kind, given)
    _expire(service, given["timeout"] + (given["wait"] or 0.0), given["timeout"])
    try:
        gathered = gather(shared.over(given).path, KINDS[kind] if kind else None, given["wait"])
        verdict = plugin.judge(gathered.snapshots, KINDS[kind] if kind else None, names, limits, time.time())
    except Trouble as trouble:
        more = f" (and {len(trouble.lines) - 1} more)" if len(trouble.lines) > 1 else ""
        verdict = Verdict("UNKNOWN", f"{trouble.lines[0]}{more}")
    except (LinkError, ValueError) as error:
        verdict = Verdict("UNKNOWN", str(error))
    except Exception as bug:
        log.exception("check")
        verdict = Verdict("UNKNOWN", f"internal error ({type(bug).__name__}); please report it")
    signal.setitimer(signal.ITIMER_REAL, 0)
    return _say(service, verdict)


def refused(text: str) -> int:
    """A wrong option or argument."""
    return _say(EVERYTHING, Verdict("UNKNOWN", f"{text.rstrip('.')}; see relay-console check --help"))


def _limits(kind: str | None, given: dict[str, Any]) -> Limits:
    limits = Limits(given["warn"], given["crit"], given["warn_lag"], given["crit_lag"])
    if limits.has_age and kind != "topics":
        raise click.UsageError("--warn and --crit go with the kind topics.")
    if (limits.warn_lag is not None or limits.crit_lag is not None) and kind != "offsets":
        raise click.UsageError("--warn-lag and --crit-lag go with the kind offsets.")
    for warn, crit in ((limits.warn, limits.crit), (limits.warn_lag, limits.crit_lag)):
        if warn is not None and crit is not None and warn > crit:
            raise click.UsageError("What is CRITICAL must be WARNING already: the first limit is the larger one.")
    return limits


def _expire(service: str, seconds: float, timeout: float) -> None:
    """A source may take longer than whoever asks has time; nothing of ours can be waited for then, not even an orderly end."""
    late = f"{plugin.line(service, Verdict('UNKNOWN', f'no answer within {timeout:g} s'))}\n".encode()

    def end(*_: object) -> None:
        os.write(1, late)
        os._exit(CODES["UNKNOWN"])

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _say(service: str, verdict: Verdict) -> int:
    """The code is the answer, also where nobody reads the line."""
    try:
        output.write_lines([plugin.line(service, verdict)])
    except BrokenPipeError:
        output.let_go()
    return verdict.code
