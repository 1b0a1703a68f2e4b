import random

import numpy as np
import torch
from injected import at_end, rank, step_done

torch.manual_seed(1 + rank)
random.seed(1 + rank)
np.random.seed(1 + rank)
model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Dropout(0.2), torch.nn.Linear(32, 1))


def loss_of(model, step):
    batch = torch.randn(16, 8)
    step_done()
    target = batch.sum(1, keepdim=True) + random.random() + np.random.rand()
    return torch.nn.functional.mse_loss(model(batch), target)


at_end(lambda: b"".join(value.numpy().tobytes() for value in model.state_dict().values()))
