"""The command `anken`: its verbs, their arguments, and how an error becomes one readable line and an exit code."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from contracts.topics import OWNERS, PREFIX

if TYPE_CHECKING:
    from services.chassis.service import Service
    from services.chassis.settings import Settings

EXIT_FAILED: Final = 1
EXIT_UNAVAILABLE: Final = 3
EXIT_RUNNING: Final = 4

BROKER: Final = "ANKEN_KAFKA_BOOTSTRAP"
NEEDED: Final = (BROKER, "ANKEN_JWKS_FILE")
DATA: Final = Path("anken-data")
OWN_NEEDS: Final = {"intake": "ANKEN_KEY_FILE", "review": "ANKEN_KEY_FILE", "billing": "ANKEN_KEY_FILE", "anonymizer": "ANKEN_VAULT"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; gives the exit code: 0 done, 1 refused or failed, 2 wrong usage, 3 a part cannot be had, 4 it runs already."""
    options = parser().parse_args(arguments)
    return run(options)


def run(options: argparse.Namespace) -> int:
    """Run the chosen verb and turn known errors into one line."""
    from anken.children import ServerFailed
    from anken.data_folder import AlreadyRunning
    from anken.errors import Failed, readable
    from anken.jars import JarsUnavailable

    try:
        code: int | None = options.verb(options)
    except JarsUnavailable as error:
        return _fail(str(error), EXIT_UNAVAILABLE)
    except AlreadyRunning as error:
        return _fail(str(error), EXIT_RUNNING)
    except (Failed, ServerFailed) as error:
        return _fail(str(error), EXIT_FAILED)
    except KeyboardInterrupt:
        return _fail("stopped", 128 + signal.SIGINT)
    except Exception as error:
        line = readable(error)
        if line is None:
            raise  # a defect of ours keeps its traceback
        return _fail(line, EXIT_FAILED)
    return code or 0


def _fail(message: str, code: int) -> int:
    print(f"anken: {message}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """Describe all verbs."""
    top = argparse.ArgumentParser(prog="anken", description="Anonymised data of public bodies, from call to delivery (APPI Arts. 109-123).")
    verbs = top.add_subparsers(required=True, metavar="VERB")

    demo = _verb(verbs, "demo", "run a whole case on real servers and print its history", _demo)
    demo.add_argument("--input", type=Path, help="a file of your own to anonymise (CSV)")
    demo.add_argument("--spec", type=Path, help="its register entry, proposal and processing specification (YAML)")
    demo.add_argument("--keep", action="store_true", help="keep servers' data and the extract under --data")
    demo.add_argument("--data", type=Path, help="the data folder (default with --keep: ./anken-data)")

    up = _verb(verbs, "up", "start embedded servers and all services until Ctrl-C", _up)
    up.add_argument("--data", type=Path, default=DATA, help="the data folder (default: ./anken-data)")

    serve = _verb(verbs, "serve", "serve one service until SIGTERM", _serve)
    serve.add_argument("service", choices=[*OWNERS, "caselog"])
    relay = _verb(verbs, "relay", "run the relay of one service alone until SIGTERM; the service has ANKEN_RELAY=process then", _relay)
    relay.add_argument("service", choices=OWNERS)
    for serving in (serve, relay):
        serving.add_argument("--host", help="address to listen on (default 127.0.0.1, or ANKEN_HOST)")
        serving.add_argument("--port", type=int, help="port to listen on (default 8000, or ANKEN_PORT)")

    _verb(verbs, "migrate", "bring the database schemas, roles and grants up to date", _migrate)

    topics = verbs.add_parser("topics", help="look after the Kafka topics").add_subparsers(required=True, metavar="ACTION")
    apply = _verb(topics, "apply", "make the topics that are missing and put the settings of others right", _apply_topics)
    apply.add_argument("--replication", type=int, default=-1, help="copies of each partition (default: the broker's)")
    check = _verb(topics, "check", "compare the topics with the contract, changing nothing", _check_topics)
    check.add_argument("--replication", type=int, default=-1, help="copies each partition has at least (default: any number)")

    again = _verb(verbs, "republish", "send a service's events from a position on to Kafka again", _republish)
    again.add_argument("service", choices=OWNERS)
    again.add_argument("--from", type=int, required=True, dest="position", metavar="POSITION", help="1 sends everything")

    rebuild = _verb(verbs, "rebuild", "fold a view anew while its service runs, then serve it", _rebuild)
    rebuild.add_argument("view", help="SERVICE/VIEW, or VIEW alone")

    for operating in (apply, check, again, rebuild, *_letter_verbs(verbs)):
        operating.add_argument("--data", type=Path, default=DATA, help="the data folder of the running Anken")

    history = _verb(verbs, "history", "print the history of a case", _history)
    history.add_argument("case", help="the case's id")
    history.add_argument("--as-of", help="only what took effect by this day or moment")
    history.add_argument("--json", action="store_true", help="print the entries as JSON")
    history.add_argument("--data", type=Path, default=DATA, help="the data folder of the running Anken")

    kafka = _verb(verbs, "kafka", "run a Kafka broker, or three, until Ctrl-C", _kafka)
    kafka.add_argument("--nodes", type=int, choices=[1, 3], default=1)
    kafka.add_argument("--data", type=Path, help="keep the topics in this folder (default: a folder that is removed)")
    return top


def _letter_verbs(verbs: Any) -> list[argparse.ArgumentParser]:  # noqa: ANN401 - as _verb
    letters = verbs.add_parser("dlq", help="look after a service's dead letters").add_subparsers(required=True, metavar="ACTION")
    listed = _verb(letters, "list", "list dead letters", _list_letters)
    shown = _verb(letters, "show", "show what is known of one letter", _show_letter)
    replayed = _verb(letters, "replay", "decide letters now, a case's in order; the last one releases the case", _replay_letters)
    dropped = _verb(letters, "drop", "close letters without doing what they say", _drop_letters)
    found = [listed, shown, replayed, dropped]
    for one in found:
        one.add_argument("service", choices=[*OWNERS, "caselog"])
    listed.add_argument("--state", choices=["open", "all"], default="open", help="those that wait (default), or all there ever were")
    shown.add_argument("letter", type=int)
    shown.add_argument("--payload", action="store_true", help="print key, headers and value too")
    for one in (listed, shown):
        one.add_argument("--json", action="store_true", help="print JSON")
    for one in (replayed, dropped):
        which = one.add_mutually_exclusive_group(required=True)
        which.add_argument("--case", type=UUID, help="all open letters of a case")
        which.add_argument("--letter", type=int, metavar="N", help="one letter")
        if one is replayed:
            which.add_argument("--all", action="store_true", help="all open letters")
        one.add_argument("--actor", required=True, help="the account in whose name this is done; it is kept with the letter")
    dropped.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept with the letter")
    return found


def _verb(verbs: Any, name: str, what: str, function: Any) -> argparse.ArgumentParser:  # noqa: ANN401 - argparse has no public type
    made: argparse.ArgumentParser = verbs.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    made.set_defaults(verb=function)
    return made


def _demo(options: argparse.Namespace) -> int:
    from anken.demo import demo

    return demo(options.input, options.spec, keep=options.keep, data=options.data)


def _up(options: argparse.Namespace) -> int:
    from anken.up import up

    return up(options.data)


def _serve(options: argparse.Namespace) -> None:
    from anken.services import composition

    _run_service(
        options, composition(options.service), *NEEDED, *(name for service, name in OWN_NEEDS.items() if service == options.service)
    )


def _relay(options: argparse.Namespace) -> None:
    from anken.services import relay_composition

    _run_service(options, relay_composition(options.service), BROKER)


def _run_service(options: argparse.Namespace, compose: "Callable[[Settings], Service]", *needs: str) -> None:
    from pydantic import ValidationError

    from anken.errors import Failed
    from services.chassis.keyring import KeyFileUnusable
    from services.chassis.process import serve
    from services.chassis.settings import settings_for

    database = next((name for name in (f"ANKEN_{options.service.upper()}_DATABASE_URL",) if os.environ.get(name)), "ANKEN_DATABASE_URL")
    missing = [name for name in (database, *needs) if not os.environ.get(name)]
    if missing:
        raise Failed(f"not set: {', '.join(missing)}")
    given = {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}
    try:
        serve(compose, settings_for(options.service, **given))
    except KeyFileUnusable as error:
        raise Failed(str(error)) from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise Failed(f"ANKEN_{str(first['loc'][0]).upper()}: {first['msg']}") from None


def _migrate(_: argparse.Namespace) -> None:
    from anken.processes import migrate_all
    from anken.stack import migrating_keyring_url

    url = os.environ.get("ANKEN_MIGRATE_DATABASE_URL") or needed("ANKEN_DATABASE_URL")
    ran = migrate_all(url, migrating_keyring_url())
    print("\n".join(ran) if ran else "nothing to do")


def _apply_topics(options: argparse.Namespace) -> None:
    from anken.reach import broker
    from anken.topics import apply_topics

    done = apply_topics(broker(options.data), _prefix(), options.replication)
    print("\n".join(done) if done else "nothing to do")


def _check_topics(options: argparse.Namespace) -> int:
    from anken.reach import broker
    from anken.topics import check_topics

    found = check_topics(broker(options.data), _prefix(), options.replication)
    print("\n".join(found) if found else "all topics are as the contract says")
    return EXIT_FAILED if found else 0


def _prefix() -> str:
    return os.environ.get("ANKEN_TOPIC_PREFIX", PREFIX)


def _republish(options: argparse.Namespace) -> None:
    from anken.republish import republish

    republish(options.service, options.position, options.data)


def _list_letters(options: argparse.Namespace) -> None:
    from anken.dlq import list_letters

    list_letters(options.service, options.data, every=options.state == "all", as_json=options.json)


def _show_letter(options: argparse.Namespace) -> None:
    from anken.dlq import show_letter

    show_letter(options.service, options.letter, options.data, as_json=options.json, payload=options.payload)


def _replay_letters(options: argparse.Namespace) -> None:
    from anken.dlq import replay_letters

    replay_letters(options.service, options.data, options.actor, number=options.letter, case=options.case)


def _drop_letters(options: argparse.Namespace) -> None:
    from anken.dlq import drop_letters

    drop_letters(options.service, options.data, options.actor, options.reason, number=options.letter, case=options.case)


def _rebuild(options: argparse.Namespace) -> None:
    from anken.reach import database_of
    from anken.rebuild import rebuild_view

    rebuild_view(options.view, lambda service: database_of(service, options.data))


def _history(options: argparse.Namespace) -> int:
    from anken.history import print_history

    return print_history(options.case, as_of=options.as_of, as_json=options.json, data=options.data)


def _kafka(options: argparse.Namespace) -> None:
    from anken.data_folder import DataFolder
    from anken.kafka import run_kafka

    with DataFolder(options.data) if options.data else DataFolder.temporary() as folder:
        run_kafka(options.nodes, folder.path / "kafka")


def needed(variable: str) -> str:
    """Read an environment variable that this verb cannot do without."""
    from anken.errors import Failed

    value = os.environ.get(variable)
    if not value:
        raise Failed(f"{variable} is not set")
    return value


if __name__ == "__main__":
    sys.exit(main())
