"""IntentionValidatorAgent: asks back before a command does harm. Python 3.10: its classifier was pickled there."""

import logging
import re
from pathlib import Path

import joblib
import nltk
import zmq
from sklearn.pipeline import Pipeline

from rules import Rule, rules

log = logging.getLogger("intention_validator")

WORD = re.compile(r"[a-z']+")


def load(path: Path = Path("/models/intention/classifier.joblib")) -> Pipeline:
    return joblib.load(path)


def words(text: str) -> list[str]:
    stemmer = nltk.stem.PorterStemmer()
    return [stemmer.stem(word) for word in WORD.findall(text.lower())]


def verdict(text: str, classifier: Pipeline, known: list[Rule]) -> dict[str, object]:
    stems = words(text)
    for rule in known:
        if rule.matches(stems):
            return {"ask": rule.question, "because": rule.name}
    (harm,) = classifier.predict_proba([" ".join(stems)])[:, 1]
    return {"ask": "Are you sure?" if harm > 0.7 else None, "because": f"classifier {harm:.2f}"}


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    classifier = load()
    known = rules(Path(__file__).with_name("rules.toml"))
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.bind("tcp://*:5800")
    while True:
        request = socket.recv_json()
        socket.send_json(verdict(request["text"], classifier, known))


if __name__ == "__main__":
    main()
