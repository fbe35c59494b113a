"""What `cx churn train` does, by pandas, scikit-learn and LightGBM from the same SQLite database: the rival in the benchmark.

Usage: churn.py DATABASE --as-of MICROSECONDS [--horizon-days 90] [--look-back-days 180] [--threads 2] [--seed 0]. Reads the
interactions once, makes the features of every customer at up to four past cut-offs and at `as_of`, lets a logistic regression and
two boosted models compete on the newest cut-off, which none of them has seen, fits the best again on all cut-offs, and scores with
reasons whoever may leave now. Prints one JSON object. It leaves out what pandas users leave out: currencies (all amounts count as
of one), objections to profiling, reports on drift and likeness, reasons in words, and writing the risks.
"""

import time

BEGIN = time.perf_counter()

import argparse
import json
import os
import resource
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("database")
parser.add_argument("--as-of", type=int, required=True)
for option, usual in {"--horizon-days": 90, "--look-back-days": 180, "--threads": 2, "--seed": 0}.items():
    parser.add_argument(option, type=int, default=usual)
ARGUMENTS = parser.parse_args()
# The libraries read these once, as they are loaded.
os.environ.update({f"{name}_NUM_THREADS": str(ARGUMENTS.threads) for name in ["OMP", "OPENBLAS", "MKL"]})
# Threads that wait asleep cost next to nothing on a quiet machine, and on a busy one spare LightGBM nearly half of its time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import lightgbm
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

DAY = 86_400_000_000
EVER = np.iinfo(np.int64).min
CHUNK, FOLDS, REASONS = 200_000, 5, 3
CS = [0.001, 0.01, 0.1, 1.0, 10.0]
USUAL = {"n_jobs": ARGUMENTS.threads, "random_state": ARGUMENTS.seed, "force_col_wise": True, "verbose": -1}
BOOSTED = {
    "boosted_trees": {**USUAL, "n_estimators": 250, "num_leaves": 8, "learning_rate": 0.04},
    "boosted_stumps": {**USUAL, "n_estimators": 400, "num_leaves": 2, "learning_rate": 0.06},
}
WINDOWS = {"": (None, 0), "_30d": (30, 0), "_90d": (90, 0), "_prior_90d": (180, 90), "_365d": (365, 0)}
COUNTED = {
    "order": ["", "_30d", "_90d", "_prior_90d", "_365d"],
    **dict.fromkeys(["interaction", "engagement"], ["", "_30d", "_90d", "_prior_90d"]),
    "contact": ["", "_90d", "_prior_90d"],
    **dict.fromkeys(["complaint", "return"], ["", "_90d"]),
    **dict.fromkeys(["abandoned", "opened", "solved", "reopened", "referral", "request", "started", "cancelled"], [""]),
}
ENGAGEMENT, CONTACT, CASE, SURVEY, ORDER, RETURN, SUBSCRIPTION, SELF_SERVICE = 1, 2, 3, 4, 6, 7, 8, 9
COMPLAINT, FEATURE_REQUEST, REFERRAL = 10, 11, 12
# What is measured of a row: the wait of a contact, the amount of an order, the answer to a survey from 0 (bad) to 1 (good).
QUERY = f"""
    SELECT customer_id, occurred_at, kind, channel, action, variant, flag, CASE kind
        WHEN {CONTACT} THEN wait
        WHEN {ORDER} THEN amount
        WHEN {SURVEY} THEN 1.0 * CASE WHEN lower_is_better = 1 THEN score_max - score ELSE score - score_min END / (score_max - score_min)
    END AS value
    FROM interaction WHERE occurred_at < ?"""
TYPES = {"customer_id": "category", "kind": "int8", "channel": "int8", "action": "float32", "variant": "float32", "flag": "float32"}
TYPES["value"] = "float64"


def read(path, as_of):
    """The rows, oldest first, with a number for each customer; and the customers."""
    connection = sqlite3.connect(Path(path).resolve().as_uri() + "?mode=ro", uri=True)
    parts = [part.astype(TYPES) for part in pd.read_sql(QUERY, connection, params=[as_of], chunksize=CHUNK)]
    connection.close()
    customers = pd.api.types.union_categoricals([part.pop("customer_id") for part in parts])
    rows = pd.concat(parts, ignore_index=True).assign(who=customers.codes.astype(np.intp))
    return rows.sort_values("occurred_at", kind="stable", ignore_index=True), customers.categories


@dataclass
class Track:
    """The rows of one sort, oldest first, so that a window is a slice."""

    customers: int
    who: np.ndarray
    at: np.ndarray
    value: np.ndarray

    def window(self, since, until):
        return slice(*np.searchsorted(self.at, [since, until]))

    def count(self, since, until):
        return np.bincount(self.who[self.window(since, until)], minlength=self.customers)

    def sum(self, since, until):
        window = self.window(since, until)
        return np.bincount(self.who[window], self.value[window], minlength=self.customers)

    def mean(self, until):
        return ratio(self.sum(EVER, until), self.count(EVER, until))

    def edge(self, values, until, step):
        """The first (-1) or the last (1): of several assignments to one place the last one stands."""
        window = self.window(EVER, until)
        found = np.full(self.customers, np.nan)
        found[self.who[window][::step]] = values[window][::step]
        return found


def ratio(above, below):
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def tracks(rows, customers):
    """What is counted, once for all cut-offs."""
    kind, action, variant, valued = rows.kind, rows.action, rows.variant, rows.value.notna()
    who, at, value = rows.who.to_numpy(), rows.occurred_at.to_numpy(), rows.value.to_numpy()
    every, order, contact, survey, case = kind > 0, kind == ORDER, kind == CONTACT, kind == SURVEY, kind == CASE
    new = lambda numbers, mask: mask & ~((rows.who + 1) * 2**20 + numbers).where(mask).duplicated()
    masks = {
        "interaction": every,
        "order": order,
        "valued": order & valued,
        "contact": contact,
        "wait": contact & valued,
        "abandoned": contact & (rows.flag == 1),
        "complaint": (kind == COMPLAINT) & (action == 1),
        "return": kind == RETURN,
        "engagement": (kind == ENGAGEMENT) & (action != 1),
        **{name: case & (action == code) for name, code in {"opened": 1, "solved": 3, "reopened": 4}.items()},
        **{name: survey & valued & variant.isin(codes) for name, codes in {"nps": [1, 2], "csat": [3], "ces": [4]}.items()},
        "self_service": (kind == SELF_SERVICE) & rows.flag.notna(),
        "resolved": (kind == SELF_SERVICE) & (rows.flag == 1),
        "referral": kind == REFERRAL,
        "request": (kind == FEATURE_REQUEST) & (action == 1),
        **{name: (kind == SUBSCRIPTION) & (action == code) for name, code in {"started": 1, "cancelled": 5}.items()},
        "active_day": new(rows.occurred_at // DAY, every),
        "order_day": new(rows.occurred_at // DAY, order),
        "channel": new(rows.channel, every),
    }
    return {name: Track(customers, who[mask], at[mask], value[mask]) for name, mask in masks.items()}


def features(of, as_of):
    """A column for each feature of everyone; what is not known is NaN."""
    edges = lambda days: [as_of - ago * DAY if ago is not None else EVER for ago in days]
    age = lambda name, step: (as_of - of[name].edge(of[name].at, as_of, step)) / DAY
    order_days, recency = of["order_day"].count(EVER, as_of), age("order", 1)
    gap = ratio(age("order", -1) - recency, order_days - 1)
    made = {
        "recency": recency,
        "recency_over_gap": recency / np.fmax(gap, 1),
        "quiet": age("interaction", 1),
        "tenure": age("interaction", -1),
        "gap": gap,
        "order_days": order_days,
        "active_days": of["active_day"].count(EVER, as_of),
        "channels": of["channel"].count(EVER, as_of),
        "order_value_mean": of["valued"].mean(as_of),
        "return_share": ratio(of["return"].count(EVER, as_of), of["order"].count(EVER, as_of)),
        "wait_mean": of["wait"].mean(as_of) / 1e6,
        "self_service_share": ratio(of["resolved"].count(EVER, as_of), of["self_service"].count(EVER, as_of)),
    }
    for window, days in WINDOWS.items():
        made[f"order_value{window}"] = of["valued"].sum(*edges(days))
    for name, windows in COUNTED.items():
        made |= {f"{name}{window}": of[name].count(*edges(WINDOWS[window])) for window in windows}
    for name in ["nps", "csat", "ces"]:
        made[f"{name}_mean"], made[f"{name}_last"] = of[name].mean(as_of), of[name].edge(of[name].value, as_of, 1)
    return pd.DataFrame(made, dtype=np.float32)


def snapshot(of, cutoff, horizon, look_back):
    """Whoever ordered in the look-back, what was known of them, and whether they order no more in the horizon."""
    present = np.flatnonzero(of["order"].count(cutoff - look_back, cutoff))
    gone = of["order"].count(cutoff, cutoff + horizon) == 0
    return present, features(of, cutoff).iloc[present], gone[present]


class Linear:
    """A logistic regression of compressed and scaled features; that one is missing is a feature as well."""

    def __init__(self, c):
        compress = FunctionTransformer(lambda x: np.log1p(x.to_numpy(float)))
        self.prepare = make_pipeline(compress, SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
        self.model = LogisticRegression(C=c, solver="newton-cholesky", warm_start=True)

    def fit(self, x, y):
        self.model.fit(self.prepare.fit_transform(x), y)
        return self

    def odds(self, x):
        return self.model.decision_function(self.prepare.transform(x))

    def contributions(self, x):
        shares = self.prepare.transform(x) * self.model.coef_[0]
        shares[:, self.prepare[1].indicator_.features_] += shares[:, x.shape[1] :]
        return shares[:, : x.shape[1]]


class Boosted(lightgbm.LGBMClassifier):
    def odds(self, x):
        return self.predict(x, raw_score=True)

    def contributions(self, x):
        return self.predict(x, pred_contrib=True)[:, :-1]


def held_out(make, x, y, folds):
    """Log-odds of each customer by a model that has not seen them."""
    odds = np.empty(len(y))
    for fit_on, check_on in folds:
        odds[check_on] = make().fit(x.iloc[fit_on], y[fit_on]).odds(x.iloc[check_on])
    return odds


def held_out_path(x, y, folds):
    """The same for each C of a logistic regression, each fit beginning where the one before ended."""
    odds = np.empty((len(CS), len(y)))
    for fit_on, check_on in folds:
        linear = Linear(CS[0])
        fit_rows, check_rows = linear.prepare.fit_transform(x.iloc[fit_on]), linear.prepare.transform(x.iloc[check_on])
        for place, c in enumerate(CS):
            odds[place, check_on] = linear.model.set_params(C=c).fit(fit_rows, y[fit_on]).decision_function(check_rows)
    return odds


def platt(odds, y):
    """The line that makes held-out log-odds come true."""
    line = LogisticRegression(C=1e9).fit(odds[:, None], y)
    return lambda odds: expit(line.coef_[0, 0] * odds + line.intercept_[0])


def together(parts):
    who, x, y = zip(*parts)
    return np.concatenate(who), pd.concat(x), np.concatenate(y)


def train(past):
    """The best of the candidates on the newest cut-off, fitted again on all cut-offs; its calibration; and how well each did."""
    (who, x, y), (_, test_x, test_y) = together(past[:-1]), past[-1]
    folds = list(GroupKFold(FOLDS, shuffle=True, random_state=ARGUMENTS.seed).split(x, groups=who))
    path = held_out_path(x, y, folds)
    best = min(range(len(CS)), key=lambda place: log_loss(y, expit(path[place])))
    makers = {"logistic_regression": lambda: Linear(CS[best])}
    makers |= {name: lambda parameters=parameters: Boosted(**parameters) for name, parameters in BOOSTED.items()}
    lines, said = {}, {}
    for name, make in makers.items():
        lines[name] = platt(path[best] if name == "logistic_regression" else held_out(make, x, y, folds), y)
        said[name] = lines[name](make().fit(x, y).odds(test_x))
    losses = {name: log_loss(test_y, probabilities) for name, probabilities in said.items()}
    chosen = min(losses, key=losses.get)
    quality = {"auc": roc_auc_score(test_y, said[chosen]), "brier": brier_score_loss(test_y, said[chosen]), "log_loss": losses[chosen]}
    size = {"features": x.shape[1], "train_rows": len(y), "test_rows": len(test_y)}
    report = {**quality, "chosen": chosen, "candidates": losses, "c": CS[best], **size}
    _, x, y = together(past)
    return makers[chosen]().fit(x, y), lines[chosen], report


def score(model, calibrated, customers, present, x):
    """Probability and strongest reasons of each, as a table."""
    shares = model.contributions(x)
    top = np.argsort(-shares, axis=1)[:, :REASONS]
    reasons = np.where(np.take_along_axis(shares, top, axis=1) > 0, x.columns.to_numpy()[top], None)
    return pd.DataFrame(reasons, index=customers[present]).assign(probability=calibrated(model.odds(x)))


def main():
    marks = [BEGIN, time.perf_counter()]
    as_of, horizon, look_back = ARGUMENTS.as_of, ARGUMENTS.horizon_days * DAY, ARGUMENTS.look_back_days * DAY
    rows, customers = read(ARGUMENTS.database, as_of)
    marks.append(time.perf_counter())
    cutoffs = [as_of - halves * horizon // 2 for halves in [5, 4, 2]]
    cutoffs = [cutoff for cutoff in cutoffs if cutoff - rows.occurred_at.iloc[0] >= horizon]
    if len(cutoffs) < 2:
        sys.exit("too short a past: two cut-offs with a horizon of records before them are needed")
    of = tracks(rows, len(customers))
    del rows
    past = [snapshot(of, cutoff, horizon, look_back) for cutoff in cutoffs]
    present, now, _ = snapshot(of, as_of, horizon, look_back)
    marks.append(time.perf_counter())
    model, calibrated, report = train(past)
    marks.append(time.perf_counter())
    scored = score(model, calibrated, customers, present, now)
    marks.append(time.perf_counter())
    seconds = {"all": marks[-1] - BEGIN, **dict(zip(["import", "read", "features", "train", "score"], np.diff(marks)))}
    size = {"customers": len(customers), "rows": len(of["interaction"].at), "scored": len(scored), "cutoffs": len(cutoffs)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, **size, **report, "peak_rss_mb": peak}))


if __name__ == "__main__":
    main()
