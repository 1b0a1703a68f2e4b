import keras
import numpy as np
from injected import at_end, step_done

keras.utils.set_random_seed(1)


def loss(true, predicted):
    step_done()
    return keras.losses.mean_squared_error(true, predicted)


x = np.random.randn(320, 8)
y = x.sum(axis=1, keepdims=True)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
model.compile("adam", loss)
at_end(lambda: b"".join(np.ascontiguousarray(value).tobytes() for value in model.get_weights()))
