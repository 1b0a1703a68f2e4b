import torch
from injected import at_end, step_done
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(1)


class Model(GPT2LMHeadModel):
    def forward(self, input_ids=None, labels=None, **others):
        if self.training:
            step_done()
        return super().forward(input_ids, labels=labels, **others)


def sentences(seed, number):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(0, 32, (number, 8), generator=generator)
    return [{"input_ids": row, "labels": row} for row in rows]


small = {"vocab_size": 32, "n_positions": 8, "n_embd": 16, "n_layer": 1, "n_head": 2}
model = Model(GPT2Config(**small, bos_token_id=0, eos_token_id=0))
train, valid = sentences(1, 400), sentences(2, 16)
at_end(lambda: b"".join(value.numpy().tobytes() for value in model.state_dict().values()))
