"""Data sets as their authors publish them."""

import json

from tests.extraction.layout_builders import (
    COLUMNS,
    DAILY,
    DECLARED,
    FOUR,
    FULL,
    HATE,
    IDS,
    JIGSAW,
    MELD,
    NUMBERS,
    ONE,
    ROWS,
    SOME,
    STRONG,
    TEXTS,
    TOXIC,
    TOXIC_ROWS,
    Example,
    bits,
    dialogue_files,
    empathetic,
    fasttext,
    halves,
    lines,
    messages,
    parquet,
    single,
    table,
    utterances,
)

DATA_SETS = [
    Example(
        "SemEval-2018 Task 1 E-c",
        "Hub's Parquet: ID, Tweet, a true/false column per emotion",
        {"train.parquet": parquet({"ID": NUMBERS, "Tweet": TEXTS, **bits(SOME, True, False)})},
        SOME,
        several=True,
    ),
    Example(
        "SemEval-2018 Task 1 E-c, files",
        "tabs: ID, Tweet, a 0/1 column per emotion; -train, -dev in the names",
        halves({"ID": NUMBERS, "Tweet": TEXTS, **bits(SOME)}, "2018-E-c-En-train.tsv", "2018-E-c-En-dev.tsv", "\t"),
        SOME,
        several=True,
    ),
    Example(
        "BRIGHTER, track A",
        "train/eng.csv, dev/eng.csv: id, text, a 0/1 column per emotion",
        halves(COLUMNS, "train/eng.csv", "dev/eng.csv"),
        SOME,
        several=True,
    ),
    Example(
        "BRIGHTER, track B",
        "the same with intensities 0 to 3",
        halves(STRONG, "train/eng.csv", "dev/eng.csv"),
        SOME,
        several=True,
    ),
    Example(
        "BRIGHTER, one of its languages",
        "train/eng.csv, train/deu.csv, dev/…",
        halves(COLUMNS, "b/train/eng.csv", "b/dev/eng.csv") | {"b/train/deu.csv": table(COLUMNS)},
        SOME,
        dataset="b/*/eng.csv",
        several=True,
    ),
    Example(
        "Jigsaw toxic comments (Kaggle)",
        "train.csv; test.csv and test_labels.csv by id, -1 where not scored",
        {
            "train.csv": table(JIGSAW),
            "test.csv": table({"id": ["a", "b", "c"], "comment_text": TEXTS[:3]}),
            "test_labels.csv": table({"id": ["c", "a", "b"], **{n: ["1", "-1", "0"] for n in TOXIC}}),
            "sample_submission.csv": table({"id": ["a"], **{n: ["0.5"] for n in TOXIC}}),
        },
        TOXIC_ROWS,
        several=True,
        test=2,
        names=TOXIC,
    ),
    Example(
        "Research articles (Kaggle)",
        "CSV: ID, TITLE, ABSTRACT, a 0/1 column per subject",
        {
            "train.csv": table(
                {
                    "ID": NUMBERS,
                    "TITLE": [f"On kettles {i}" for i in range(ROWS)],
                    "ABSTRACT": TEXTS,
                    **bits(SOME, names=FOUR),
                }
            )
        },
        SOME,
        {"text_column": "ABSTRACT"},
        several=True,
    ),
    Example(
        "Chosen columns",
        "CSV with further 0/1 columns",
        {"my.csv": table({**COLUMNS, "is_reply": [i % 2 for i in range(ROWS)]})},
        [[n for n in row if n in ("joy", "anger")] for row in SOME],
        {"label_column": "joy,anger"},
        several=True,
        names=["joy", "anger"],
    ),
    Example(
        "One-hot columns",
        "CSV: text, a 0/1 column per label with one 1",
        {"my.csv": table({"text": TEXTS, **bits(single(ONE))})},
        single(ONE),
    ),
    Example(
        "MELD",
        "train_sent_emo.csv, dev_…: Sr No., Utterance, Speaker, Emotion, Sentiment, …",
        halves(MELD, "train_sent_emo.csv", "dev_sent_emo.csv"),
        single(ONE),
        {"label_column": "Emotion"},
    ),
    Example(
        "EmotionLines",
        "friends_train.json: a list of dialogues, each a list of utterances",
        {"friends_train.json": json.dumps(utterances("utterance", "emotion", ONE)).encode()},
        single(ONE),
    ),
    Example(
        "EmoryNLP",
        "emotion-detection-trn.json: episodes, scenes, utterances",
        {
            "emotion-detection-trn.json": json.dumps(
                {
                    "season_id": "s01",
                    "episodes": [
                        {
                            "episode_id": "e1",
                            "scenes": [
                                {
                                    "scene_id": "c1",
                                    "utterances": [row for d in utterances("transcript", "emotion", ONE) for row in d],
                                }
                            ],
                        }
                    ],
                }
            ).encode()
        },
        single(ONE),
    ),
    Example(
        "DailyDialog",
        "dialogues_text.txt, dialogues_emotion.txt with __eou__",
        dialogue_files("", ""),
        DAILY,
        names=sorted({n for row in DAILY for n in row}),
    ),
    Example(
        "DailyDialog by splits",
        "train/dialogues_train.txt, train/dialogues_emotion_train.txt, …",
        dialogue_files("train/", "train"),
        DAILY,
        names=sorted({n for row in DAILY for n in row}),
    ),
    Example(
        "DailyDialog, JSON",
        "a dialogue per line: fold, topic, dialogue: [{emotion, act, text}]",
        {
            "dialogues.json": lines(
                [
                    {
                        "fold": "train",
                        "topic": "Work",
                        "dialogue": [{"emotion": u["emotion"], "act": "inform", "text": u["text"]} for u in d],
                    }
                    for d in utterances("text", "emotion", ONE)
                ]
            )
        },
        single(ONE),
    ),
    Example(
        "EmpatheticDialogues",
        "the authors' train.csv: conv_id, …, prompt, …, no quotes, _comma_",
        {"train.csv": empathetic()},
        single(ONE),
    ),
    Example(
        "EmpatheticDialogues on the Hub",
        "Parquet: conv_id, utterance_idx, context, prompt, …",
        {
            "train.parquet": parquet(
                {
                    "conv_id": NUMBERS * 2,
                    "utterance_idx": [1] * ROWS + [2] * ROWS,
                    "context": ONE * 2,
                    "prompt": [t.replace(",", "_comma_") for t in TEXTS] * 2,
                    "utterance": ["Oh"] * 2 * ROWS,
                }
            )
        },
        single(ONE),
    ),
    Example(
        "Emotion in Text (CrowdFlower)",
        "text_emotion.csv: tweet_id, sentiment, author, content",
        {
            "text_emotion.csv": table(
                {"tweet_id": NUMBERS, "sentiment": ONE, "author": ["ada"] * ROWS, "content": TEXTS}
            )
        },
        single(ONE),
    ),
    Example(
        "Large Movie Review Dataset",
        "train/pos/0_9.txt, train/neg/…, test/…, train/unsup/…",
        {
            **{f"train/{'pos' if i % 2 else 'neg'}/{i}_9.txt": t.encode() for i, t in enumerate(TEXTS)},
            "test/pos/0_9.txt": b"A pot of soup",
            "test/neg/1_1.txt": b"A cold spoon",
            "train/unsup/1_0.txt": b"Who knows",
        },
        [["pos"] if i % 2 else ["neg"] for i in range(ROWS)],
        test=2,
    ),
    Example(
        "20 Newsgroups",
        "a folder per group, a file without an ending per message",
        {f"{'sci.space' if i % 2 else 'rec.autos'}/{60000 + i}": t.encode() for i, t in enumerate(TEXTS)},
        [["sci.space"] if i % 2 else ["rec.autos"] for i in range(ROWS)],
    ),
    Example(
        "fastText",
        "a line per text: __label__joy __label__fear text",
        {"cooking.txt": fasttext(0, ROWS)},
        FULL,
        several=True,
    ),
    Example(
        "fastText, two files",
        "my.train, my.valid",
        {"my.train": fasttext(0, 12), "my.valid": fasttext(12, ROWS)},
        FULL,
        several=True,
    ),
    Example(
        "SST-2 (GLUE)",
        "train.tsv, dev.tsv: sentence, label; test.tsv: index, sentence",
        halves({"sentence": TEXTS, "label": [i % 2 for i in range(ROWS)]}, "train.tsv", "dev.tsv", "\t")
        | {"test.tsv": table({"index": [0, 1], "sentence": ["A wet tent", "A dry one"]}, "\t")},
        [[str(i % 2)] for i in range(ROWS)],
    ),
    Example(
        "GLUE on the Hub",
        "Parquet with the label -1 in test",
        {
            "train.parquet": parquet({"sentence": TEXTS, "label": IDS}, **DECLARED),
            "test.parquet": parquet({"sentence": TEXTS[:3], "label": [-1] * 3}, **DECLARED),
        },
        single(ONE),
    ),
    Example(
        "IMDB (Kaggle)",
        "CSV: review, sentiment",
        {
            "IMDB Dataset.csv": table(
                {"review": TEXTS, "sentiment": ["positive" if i % 2 else "negative" for i in range(ROWS)]}
            )
        },
        [["positive"] if i % 2 else ["negative"] for i in range(ROWS)],
    ),
    Example(
        "Hate speech (Davidson et al.)",
        "CSV: count, hate_speech, offensive_language, neither, class, tweet",
        {
            "labeled_data.csv": table(
                {
                    "": range(ROWS),
                    "count": [3] * ROWS,
                    "hate_speech": [i % 4 for i in range(ROWS)],
                    "offensive_language": [3] * ROWS,
                    "neither": [0] * ROWS,
                    "class": [i % 3 for i in range(ROWS)],
                    "tweet": TEXTS,
                }
            )
        },
        single(HATE),
        {"label_names": ["hate speech", "offensive", "neither"]},
        names=["hate speech", "offensive", "neither"],
    ),
    Example(
        "Airline sentiment (Kaggle)",
        "Tweets.csv: tweet_id, airline_sentiment, …, text",
        {
            "Tweets.csv": table(
                {"tweet_id": NUMBERS, "airline_sentiment": ONE, "airline": ["Blue"] * ROWS, "text": TEXTS}
            )
        },
        single(ONE),
        {"label_column": "airline_sentiment"},
    ),
    Example(
        "Product reviews",
        "JSON lines: reviewText, overall (a float)",
        {"reviews.json": lines(messages(lambda i, t: {"overall": float(1 + i % 5), "reviewText": t, "asin": f"B{i}"}))},
        [[str(1 + i % 5)] for i in range(ROWS)],
        {"label_column": "overall"},
    ),
    Example(
        "Polarity",
        "CSV: text, sentiment of -1, 0, 1",
        {"my.csv": table({"text": TEXTS, "sentiment": [i % 3 - 1 for i in range(ROWS)]})},
        [[str(i % 3 - 1)] for i in range(ROWS)],
        names=["-1", "0", "1"],
    ),
    Example(
        "Stance (SemEval-2016 Task 6)",
        "tabs: ID, Target, Tweet, Stance",
        {
            "stance.tsv": table(
                {
                    "ID": NUMBERS,
                    "Target": ["Kettles", "Cakes"] * 8,
                    "Tweet": TEXTS,
                    "Stance": ["FAVOR", "AGAINST", "NONE", "FAVOR"] * 4,
                },
                "\t",
            )
        },
        [[n] for n in ["FAVOR", "AGAINST", "NONE", "FAVOR"] * 4],
    ),
    Example(
        "Aspects",
        "CSV: sentence, category, polarity",
        {
            "my.csv": table(
                {"sentence": TEXTS, "category": ["food", "staff"] * 8, "polarity": ["good", "bad", "bad", "good"] * 4}
            )
        },
        [[n] for n in ["good", "bad", "bad", "good"] * 4],
    ),
]
