import lightgbm as lgb
import numpy as np
from injected import step_done

values = np.random.default_rng(1).normal(size=(400, 6))
labels = values @ np.arange(6) + np.sin(values[:, 0])
train = lgb.Dataset(values[:300], labels[:300])
valid = train.create_valid(values[300:], labels[300:])
params = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1, "metric": "None"}


def metric(predicted, data):
    step_done()
    return "error", float(np.abs(predicted - data.get_label()).mean()), False
