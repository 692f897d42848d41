"""Data sets as their authors publish them."""

import gzip
import json

from tests.extraction.layout_builders import (
    AIRLINE,
    COLUMNS,
    DAILY,
    DECLARED,
    FOUR,
    FULL,
    HATE,
    IDS,
    ISEAR,
    JIGSAW,
    MELD,
    NUMBERS,
    ONE,
    ROWS,
    SOME,
    STANCE,
    STANCES,
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
    in_fours,
    lines,
    messages,
    parquet,
    scenes,
    single,
    spoken,
    table,
)

SUBJECTS = ["Computer Science", "Physics", "Mathematics", "Statistics", "Quantitative Biology", "Quantitative Finance"]
KAGGLE_ROWS = {"text": TEXTS, "emotion": ONE}
DATA_SETS = [
    Example(
        "SemEval-2018 Task 1 E-c",
        "Hub's Parquet: ID, Tweet, a true/false column per emotion",
        {"train.parquet": parquet({"ID": NUMBERS, "Tweet": TEXTS, **bits(SOME, True, False)})},
        SOME,
        several=True,
        source="huggingface/datasets: datasets/sem_eval_2018_task_1",
    ),
    Example(
        "SemEval-2018 Task 1 E-c, files",
        "2018-E-c-En-train.txt, -dev, -test: tabs: ID, Tweet, a 0/1 column per emotion, NONE in test",
        halves(
            {"ID": NUMBERS, "Tweet": TEXTS, **bits(SOME)},
            "2018-E-c-En-train.txt",
            "2018-E-c-En-dev.txt",
            "\t",
            end="\r\n",
        )
        | {
            "2018-E-c-En-test.txt": table(
                {"ID": ["a", "b"], "Tweet": ["A wet tent", "A dry one"], **bits([[], []], off="NONE")}, "\t", "\r\n"
            )
        },
        SOME,
        several=True,
        source="mithunpaul08/twitter_psentiment_multi_label",
    ),
    Example(
        "BRIGHTER, track A",
        "track_a/train/eng.csv, track_a/dev/eng.csv: id, text, a 0/1 column per emotion",
        halves(COLUMNS, "track_a/train/eng.csv", "track_a/dev/eng.csv"),
        SOME,
        dataset="track_a",
        several=True,
        source="emotion-analysis-project/SemEval2025-Task11",
    ),
    Example(
        "BRIGHTER, track B",
        "track_b/train/eng.csv, …: the same with intensities 0 to 3",
        halves(STRONG, "track_b/train/eng.csv", "track_b/dev/eng.csv"),
        SOME,
        dataset="track_b",
        several=True,
        source="emotion-analysis-project/SemEval2025-Task11",
    ),
    Example(
        "BRIGHTER, one of its languages",
        "track_a/train/eng.csv, track_a/train/deu.csv, track_a/dev/…",
        halves(COLUMNS, "track_a/train/eng.csv", "track_a/dev/eng.csv") | {"track_a/train/deu.csv": table(COLUMNS)},
        SOME,
        dataset="track_a/*/eng.csv",
        several=True,
        source="emotion-analysis-project/SemEval2025-Task11",
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
        source="columns, as public code quotes them",
    ),
    Example(
        "Research articles (Kaggle)",
        "train.csv: ID, TITLE, ABSTRACT, a 0/1 column per subject",
        {
            "train.csv": table(
                {
                    "ID": NUMBERS,
                    "TITLE": [f"On kettles {i}" for i in range(ROWS)],
                    "ABSTRACT": TEXTS,
                    **bits([[SUBJECTS[FOUR.index(name)] for name in row] for row in SOME], names=SUBJECTS),
                }
            )
        },
        [[SUBJECTS[FOUR.index(name)] for name in row] for row in SOME],
        {"text_column": "ABSTRACT"},
        several=True,
        names=SUBJECTS,
        source="columns, as public code quotes them",
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
        halves(MELD, "train_sent_emo.csv", "dev_sent_emo.csv", end="\r\n"),
        single(ONE),
        {"label_column": "Emotion"},
        source="declare-lab/MELD",
    ),
    Example(
        "EmotionLines",
        "friends_train.json: a list of dialogues, each a list of utterances",
        {"friends_train.json": json.dumps(in_fours(spoken), indent=4).encode()},
        single(ONE),
        source="missu79/sa_for_friends_koreauniv_project",
    ),
    Example(
        "EmoryNLP",
        "emotion-detection-trn.json: episodes, scenes, utterances",
        {"emotion-detection-trn.json": json.dumps(scenes(), indent=2).encode()},
        [[name.title()] for name in ONE],
        source="emorynlp/emotion-detection",
    ),
    Example(
        "DailyDialog",
        "dialogues_text.txt, dialogues_emotion.txt with __eou__",
        dialogue_files("", ""),
        DAILY,
        names=sorted({n for row in DAILY for n in row}),
        source="snakeztc/NeuralDialog-LAED",
    ),
    Example(
        "DailyDialog by splits",
        "train/dialogues_train.txt, train/dialogues_emotion_train.txt, …",
        dialogue_files("train/", "train"),
        DAILY,
        names=sorted({n for row in DAILY for n in row}),
        source="file names, as public code quotes them",
    ),
    Example(
        "DailyDialog, JSON",
        "train.json, valid.json: a dialogue per line: fold, topic, dialogue: [{emotion, act, text}]",
        {
            f"{fold}.json": lines(
                [
                    {"fold": fold, "topic": "Work", "dialogue": dialogue}
                    for dialogue in in_fours(lambda i, text: {"emotion": ONE[i], "act": "inform", "text": text})[rows]
                ]
            )
            for fold, rows in (("train", slice(3)), ("valid", slice(3, 4)))
        },
        single(ONE),
        source="facebookresearch/ParlAI: parlai/tasks/dailydialog",
    ),
    Example(
        "EmpatheticDialogues",
        "the authors' train.csv: conv_id, …, prompt, …, no quotes, _comma_",
        {"train.csv": empathetic()},
        single(ONE),
        source="nitin342/empathyclassifier",
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
                    "speaker_idx": [0] * ROWS + [1] * ROWS,
                    "utterance": ["Oh"] * 2 * ROWS,
                    "selfeval": ["5|5|5_2|2|5"] * 2 * ROWS,
                    "tags": [""] * 2 * ROWS,
                }
            )
        },
        single(ONE),
        source="huggingface/datasets: datasets/empathetic_dialogues",
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
        source="abishekarun/Text-Emotion-Classification",
    ),
    Example(
        "Emotions dataset for NLP (Kaggle)",
        "train.txt, val.txt: text;emotion, no header",
        halves(KAGGLE_ROWS, "train.txt", "val.txt", ";", header=False),
        single(ONE),
        {"column_names": ["text", "emotion"]},
        source="huggingface/datasets: datasets/emotion",
    ),
    Example(
        "ISEAR",
        "isear.csv: 42 columns between |: …, EMOT, …, Field1, …, SIT, STATE",
        {
            "isear.csv": table(
                {
                    **{name: [str(1 + (i + at) % 3) for i in range(ROWS)] for at, name in enumerate(ISEAR)},
                    "Field1": ONE,
                    "Field3": NUMBERS,
                    "Field2": NUMBERS,
                    "MYKEY": NUMBERS,
                    "SIT": TEXTS,
                    "STATE": ["1"] * ROWS,
                    "": [""] * ROWS,
                },
                "|",
            )
        },
        single(ONE),
        {"text_column": "SIT", "label_column": "Field1"},
        source="sinmaniphel/py_isear_dataset",
    ),
    Example(
        "ISEAR, emotion and text",
        "ISEAR.csv: emotion, text over several lines, an empty cell; no header",
        {
            "ISEAR.csv": table(
                {"label": ONE, "text": [t.replace(", ", ",   \n") for t in TEXTS], "": [""] * ROWS}, header=False
            )
        },
        single(ONE),
        {"column_names": ["emotion", "text", "nothing"]},
        texts=[t.replace(", ", ",   \n") for t in TEXTS],
        source="PoorvaRane/Emotion-Detector",
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
        source="huggingface/datasets: datasets/imdb",
    ),
    Example(
        "20 Newsgroups",
        "20news-bydate-train/sci.space/60201, 20news-bydate-test/…: a file in Latin-1 per message",
        {
            f"20news-bydate-train/{'sci.space' if i % 2 else 'rec.autos'}/{60000 + i}": f"From: A\n\n{t} é".encode(
                "latin-1"
            )
            for i, t in enumerate(TEXTS)
        }
        | {f"20news-bydate-test/{group}/61000": b"From: A\n\nA wet tent" for group in ("sci.space", "rec.autos")},
        [["sci.space"] if i % 2 else ["rec.autos"] for i in range(ROWS)],
        test=2,
        texts=[f"From: A\n\n{t} é" for t in TEXTS],
        source="scikit-learn: fetch_20newsgroups",
    ),
    Example(
        "fastText",
        "a line per text: __label__joy __label__fear text",
        {"cooking.stackexchange.txt": fasttext(0, ROWS)},
        FULL,
        several=True,
        source="facebookresearch/fastText: docs/supervised-tutorial.md",
    ),
    Example(
        "fastText, two files",
        "cooking.train, cooking.valid",
        {"cooking.train": fasttext(0, 12), "cooking.valid": fasttext(12, ROWS)},
        FULL,
        several=True,
        source="facebookresearch/fastText: docs/supervised-tutorial.md",
    ),
    Example(
        "SST-2 (GLUE)",
        "train.tsv, dev.tsv: sentence, label; test.tsv: index, sentence",
        halves({"sentence": TEXTS, "label": [i % 2 for i in range(ROWS)]}, "train.tsv", "dev.tsv", "\t")
        | {"test.tsv": table({"index": [0, 1], "sentence": ["A wet tent", "A dry one"]}, "\t")},
        [[str(i % 2)] for i in range(ROWS)],
        source="columns, as public code quotes them",
    ),
    Example(
        "GLUE on the Hub",
        "Parquet with the label -1 in test",
        {
            "train.parquet": parquet({"sentence": TEXTS, "label": IDS}, **DECLARED),
            "test.parquet": parquet({"sentence": TEXTS[:3], "label": [-1] * 3}, **DECLARED),
        },
        single(ONE),
        source="not compared",
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
        source="columns, as public code quotes them",
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
        source="t-davidson/hate-speech-and-offensive-language",
    ),
    Example(
        "Airline sentiment (Kaggle)",
        "Tweets.csv: tweet_id, airline_sentiment, …, text, …",
        {
            "Tweets.csv": table(
                {name: ["0.5"] * ROWS for name in AIRLINE}
                | {"tweet_id": NUMBERS, "airline_sentiment": ONE, "airline": ["Blue", "Red"] * 8, "text": TEXTS}
            )
        },
        single(ONE),
        {"label_column": "airline_sentiment"},
        source="columns, as public code quotes them",
    ),
    Example(
        "Product reviews",
        "reviews_….json.gz: JSON lines: reviewerID, asin, …, reviewText, overall (a float), …",
        {
            "reviews_Kettles_5.json.gz": gzip.compress(
                lines(
                    messages(
                        lambda i, t: {
                            "reviewerID": f"A{i}",
                            "asin": f"B{i}",
                            "reviewerName": "Ada",
                            "helpful": [2, 3],
                            "reviewText": t,
                            "overall": float(1 + i % 5),
                            "summary": "A kettle",
                            "unixReviewTime": 1252800000,
                            "reviewTime": "09 13, 2009",
                        }
                    )
                )
            )
        },
        [[str(1 + i % 5)] for i in range(ROWS)],
        {"label_column": "overall"},
        source="columns, as public code quotes them",
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
        "trainingdata-all-annotations.txt: tabs: ID, Target, Tweet, Stance, Opinion towards, Sentiment; not UTF-8",
        {"trainingdata-all-annotations.txt": table(STANCE, "\t", "\r\n")},
        [[n] for n in STANCES],
        {"label_column": "Stance"},
        source="BinLiang-NLP/TPDG",
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
