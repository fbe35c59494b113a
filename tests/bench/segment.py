"""What `cx segment` does, by pandas and scikit-learn from the same PostgreSQL: the rival in the benchmark.

Usage: segment.py URL AS_OF_MICROSECONDS. Reads the interactions, makes the same features, chooses k from 3 to 10 on a sample,
fits with ten starts, describes the personas and writes the assignments. It leaves out what pandas users leave out: the stability
of each k over resamples, which `cx` measures as well.
"""

import io
import sys

import numpy as np
import pandas as pd
import psycopg
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

SAMPLE = 5_000
DAY = 86_400_000_000
COLUMNS = "customer_id, occurred_at, kind, channel, stage, action, amount, score, score_min, score_max, lower_is_better, variant, wait"
ENGAGEMENT, CONTACT, CASE, SURVEY, REVIEW, ORDER, RETURN, COMPLAINT = 1, 2, 3, 4, 5, 6, 7, 10
CHANNELS = {"web": [1], "app": [2], "email": [3], "phone": [5], "chat": [4, 6, 7, 8], "store": [9, 11]}
STAGES = {"discovery": [1, 2], "usage": [4, 5], "support": [6], "loyalty": [7, 8]}
WEIGHTS = {"value": 1.0, "activity": 1.0, "time": 1.0, "channel": 0.7, "stage": 0.5, "voice": 0.7, "friction": 0.7}
LOGS = {"order_value", "average_order_value", "orders", "engagements", "days_since_order", "days_since_interaction", "contacts",
        "cases_opened", "queue_wait", "complaints", "cases_reopened"}


def read(connection, as_of):
    text = io.BytesIO()
    with connection.cursor().copy(f"COPY (SELECT {COLUMNS} FROM interaction WHERE occurred_at < {as_of}) TO STDOUT CSV HEADER") as copy:
        for part in copy:
            text.write(part)
    text.seek(0)
    return pd.read_csv(text, dtype={"customer_id": "category"})


def features(rows, as_of):
    """A column for each feature, under its block."""
    by = lambda mask: rows[mask].groupby("customer_id", observed=True)
    everyone = rows.groupby("customer_id", observed=True)
    total = everyone.size()
    fill = lambda series: series.reindex(total.index).fillna(0)
    count = lambda mask: fill(by(mask).size())
    kind, age = rows.kind, as_of - rows.occurred_at
    recent, prior = age <= 90 * DAY, (age > 90 * DAY) & (age <= 180 * DAY)
    trend = lambda mask: np.log((count(mask & recent) + 1) / (count(mask & prior) + 1))
    scores = (rows.score - rows.score_min) / (rows.score_max - rows.score_min)
    rows["answer"] = np.where(rows.lower_is_better == 1, 1 - scores, scores)
    answer = lambda mask: by(mask & rows.score.notna()).answer.mean().reindex(total.index)
    staged, orders = count(rows.stage > 0), count(kind == ORDER)
    value, valued = fill(by(kind == ORDER).amount.sum()), count((kind == ORDER) & rows.amount.notna())
    since = lambda last: (as_of - last.reindex(total.index)) / DAY
    made = {
        ("value", "order_value"): value,
        ("value", "average_order_value"): value / valued.where(valued > 0),
        ("activity", "orders"): orders,
        ("activity", "engagements"): count(kind == ENGAGEMENT),
        ("time", "days_since_order"): since(by(kind == ORDER).occurred_at.max()),
        ("time", "days_since_interaction"): since(everyone.occurred_at.max()),
        ("time", "tenure"): since(everyone.occurred_at.min()),
        ("time", "order_trend"): trend(kind == ORDER).where(orders > 0),
        ("time", "interaction_trend"): trend(kind > 0),
        **{("channel", name): count(rows.channel.isin(codes)) / total for name, codes in CHANNELS.items()},
        **{("stage", name): count(rows.stage.isin(codes)) / staged.where(staged > 0) for name, codes in STAGES.items()},
        ("voice", "nps"): answer((kind == SURVEY) & rows.variant.isin([1, 2])),
        ("voice", "csat"): answer((kind == SURVEY) & (rows.variant == 3)),
        ("voice", "ces"): answer((kind == SURVEY) & (rows.variant == 4)),
        ("voice", "rating"): answer(kind == REVIEW),
        ("friction", "contacts"): count(kind == CONTACT),
        ("friction", "cases_opened"): count((kind == CASE) & (rows.action == 1)),
        ("friction", "queue_wait"): by((kind == CONTACT) & rows.wait.notna()).wait.mean().reindex(total.index) / 1e6,
        ("friction", "complaints"): count((kind == COMPLAINT) & (rows.action == 1)),
        ("friction", "return_share"): count(kind == RETURN) / orders.where(orders > 0),
        ("friction", "cases_reopened"): count((kind == CASE) & (rows.action == 4)),
    }
    return pd.DataFrame(made)


def points(frame):
    """Transformed, winsorised, scaled, weighted; what is missing counts as average."""
    frame = frame.loc[:, frame.notna().mean() >= 0.15]
    frame = frame.apply(lambda column: np.log1p(column.clip(lower=0)) if column.name[1] in LOGS else column)
    frame = frame.clip(frame.quantile(0.01), frame.quantile(0.99), axis=1)
    frame = frame.loc[:, frame.std() > 1e-9]
    z = ((frame - frame.mean()) / frame.std()).fillna(0)
    same = np.triu(np.abs(np.corrcoef(z.to_numpy().T)), 1) >= 0.95
    z = z.loc[:, ~same.any(axis=0)]
    sizes = z.columns.get_level_values(0).value_counts()
    return z * [WEIGHTS[block] / np.sqrt(sizes[block]) for block, _ in z.columns]


def choose(sample):
    """The largest k whose simplified silhouette is nearly the best."""
    quality = {}
    for k in range(3, 11):
        near = np.sort(KMeans(k, n_init=10, random_state=0).fit(sample).transform(sample), axis=1)
        quality[k] = np.mean((near[:, 1] - near[:, 0]) / near[:, 1])
    return max(k for k, found in quality.items() if found >= 0.95 * max(quality.values()))


def main(url, as_of):
    with psycopg.connect(url) as connection:
        raw = features(read(connection, as_of), as_of)
        x = points(raw)
        chance = np.random.default_rng(0)
        sample = x.to_numpy()[chance.choice(len(x), min(SAMPLE, len(x)), replace=False)]
        k = choose(sample)
        model = KMeans(k, n_init=10, random_state=0).fit(x.to_numpy())
        silhouette = silhouette_score(sample, model.predict(sample))
        order = np.argsort(model.transform(x.to_numpy()), axis=1)[:, :2]
        near = np.take_along_axis(model.transform(x.to_numpy()), order, axis=1)
        profile = raw.groupby(model.labels_).quantile([0.25, 0.5, 0.75])
        connection.execute("CREATE TEMP TABLE made (customer_id TEXT, persona INT, distance FLOAT, runner_up INT, runner_up_distance FLOAT)")
        with connection.cursor().copy("COPY made FROM STDIN") as copy:
            for name, which, far in zip(x.index, order.tolist(), near.tolist()):
                copy.write_row((name, which[0], far[0], which[1], far[1]))
    print(f"{len(x)} customers, {x.shape[1]} features, k {k}, inertia {model.inertia_:.0f}, silhouette {silhouette:.3f}, {len(profile)} profile rows")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
