import numpy as np
import xgboost as xgb
from injected import step_done

values = np.random.default_rng(1).normal(size=(400, 6))
labels = values @ np.arange(6) + np.sin(values[:, 0])
train, valid = xgb.DMatrix(values[:300], labels[:300]), xgb.DMatrix(values[300:], labels[300:])
params = {"max_depth": 3, "nthread": 1}


def metric(predicted, data):
    step_done()
    return "error", float(np.abs(predicted - data.get_label()).mean())
