"""``patrolgrid topics create|check``: the site's topics on Kafka."""

import argparse
import logging
from typing import Final

from console.common import add_settings_arguments, print_json, print_table, settings_and_texts
from deploy.kafka import site_topics as topics
from deploy.kafka.site_topics import Difference
from deploy.wiring import kafka_of
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid topics create                               before the first gateway and worker start; may be run again
  patrolgrid topics check                                exit code 1 where something differs, and what to do
  PATROLGRID_KAFKA__BOOTSTRAP=10.0.0.5:9092 patrolgrid topics check --json

How many partitions there are is kafka.shards; how many copies, kafka.replication.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (("create", "make what is missing, change nothing"), ("check", "say everything that differs")):
        child = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(child)
        child.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Make or compare the topics; return 1 where something differs."""
    settings, texts = settings_and_texts(options)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the error that comes of it says what to do
    kafka = kafka_of(settings)
    wanted = topics.topics_of(settings.site.id, kafka.shards, kafka.retention_h)
    made = topics.create(kafka, wanted, kafka.replication) if options.action == "create" else None
    differences = topics.check(kafka, wanted, kafka.replication)
    if options.json:
        print_json(
            {
                **({} if made is None else {"made": made}),
                "ok": not differences,
                "differences": [found._asdict() for found in differences],
            }
        )
        return 1 if differences else 0
    for name in made or ():
        print(texts("topics-made", topic=name))
    if not differences:
        print(texts("topics-same", count=len(wanted), kafka=kafka.bootstrap))
        return 0
    print_table(
        (texts("topics-col-topic"), texts("topics-col-what"), texts("topics-col-found"), texts("topics-col-expected")),
        [(found.topic, _what(texts, found), found.found, found.expected) for found in differences],
    )
    for kind in dict.fromkeys(_kind(found) for found in differences):
        print(texts(f"topics-do-{kind}"))
    print(texts("topics-alter"))
    return 1


def _kind(found: Difference) -> str:
    return found.what if found.what in {"missing", "partitions", "replication"} else "config"


def _what(texts: Sentences, found: Difference) -> str:
    kind = _kind(found)
    return found.what if kind == "config" else texts(f"topics-what-{kind}")
