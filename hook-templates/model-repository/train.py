"""Train the model in this folder: a small neural network, in the standard library alone.

    python train.py --epochs 5

reads every CSV file in data/ (numbers; the last column is the class, 0 or 1), goes on from the weights in model.bin,
writes them back, and appends one JSON line for each epoch to metrics.log. Replace it by your own training: what counts
is that it writes model.bin and metrics.log.
"""

import argparse
import csv
import json
import math
import os
import random
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA, MODEL, METRICS = HERE / "data", HERE / "model.bin", HERE / "metrics.log"
# model.bin: this header (magic, epochs trained, inputs, hidden units), then the weights as little-endian doubles.
HEADER = struct.Struct("<4sIII")
MAGIC = b"MLP1"


class Network:
    """Inputs -> one layer of tanh units -> one logistic output. `weights` is a flat list, unit by unit."""

    def __init__(self, inputs, hidden, weights, epochs=0):
        self.inputs, self.hidden, self.weights, self.epochs = inputs, hidden, weights, epochs

    @classmethod
    def new(cls, inputs, hidden, seed):
        generator = random.Random(seed)
        count = hidden * (inputs + 1) + hidden + 1
        return cls(inputs, hidden, [generator.uniform(-1, 1) for _ in range(count)])

    @classmethod
    def load(cls, path):
        content = path.read_bytes()
        magic, epochs, inputs, hidden = HEADER.unpack_from(content)
        if magic != MAGIC:
            raise SystemExit(f"{path} was not written by this script; move it away to start anew")
        count = hidden * (inputs + 1) + hidden + 1
        return cls(inputs, hidden, list(struct.unpack_from(f"<{count}d", content, HEADER.size)), epochs)

    def save(self, path):
        header = HEADER.pack(MAGIC, self.epochs, self.inputs, self.hidden)
        partial = path.with_name(path.name + ".tmp")
        partial.write_bytes(header + struct.pack(f"<{len(self.weights)}d", *self.weights))
        os.replace(partial, path)  # never half a checkpoint

    def forward(self, row):
        weights, width = self.weights, self.inputs + 1
        units = []
        for unit in range(self.hidden):
            start = unit * width
            total = weights[start + self.inputs] + sum(weights[start + i] * x for i, x in enumerate(row))
            units.append(math.tanh(total))
        last = self.hidden * width
        total = weights[last + self.hidden] + sum(weights[last + i] * unit for i, unit in enumerate(units))
        return units, 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))

    def step(self, row, label, rate):
        """One step of stochastic gradient descent on the cross-entropy of one row."""
        units, output = self.forward(row)
        weights, width, error = self.weights, self.inputs + 1, output - label
        last = self.hidden * width
        for unit, value in enumerate(units):
            slope = error * weights[last + unit] * (1 - value * value)
            weights[last + unit] -= rate * error * value
            start = unit * width
            for i, x in enumerate(row):
                weights[start + i] -= rate * slope * x
            weights[start + self.inputs] -= rate * slope
        weights[last + self.hidden] -= rate * error

    def evaluate(self, rows):
        """Mean cross-entropy and the share of right answers."""
        loss = right = 0.0
        for row, label in rows:
            output = self.forward(row)[1]
            loss -= math.log(max(1e-12, output if label else 1 - output))
            right += (output > 0.5) == bool(label)
        return loss / len(rows), right / len(rows)


def read_rows(folder):
    rows = []
    for path in sorted(folder.rglob("*.csv")):
        with path.open(newline="") as file:
            for line in csv.reader(file):
                try:
                    *values, label = [float(cell) for cell in line]
                except ValueError:
                    continue  # a heading or an empty line
                rows.append((values, int(label > 0)))
    return [row for row in rows if len(row[0]) == len(rows[0][0])]


def record(network, rows, path):
    loss, accuracy = network.evaluate(rows)
    line = {"epoch": network.epochs, "loss": round(loss, 6), "acc": round(accuracy, 6)}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(f"epoch {network.epochs}: loss {loss:.4f}, accuracy {accuracy:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5, help="how many passes over the data (default: 5)")
    parser.add_argument("--rate", type=float, default=0.1, help="learning rate (default: 0.1)")
    parser.add_argument("--hidden", type=int, default=16, help="hidden units of a new model (default: 16)")
    parser.add_argument("--seed", type=int, default=0, help="makes a run repeatable (default: 0)")
    options = parser.parse_args()

    rows = read_rows(DATA)
    inputs = len(rows[0][0]) if rows else 2
    network = Network.load(MODEL) if MODEL.exists() else Network.new(inputs, options.hidden, options.seed)
    if rows and inputs != network.inputs:
        raise SystemExit(f"data has {inputs} columns, {MODEL.name} was trained on {network.inputs}; move it away")
    if options.epochs and not rows:
        raise SystemExit(f"no rows of numbers in {DATA}/*.csv: put data there, or edit read_rows in train.py")
    for _ in range(options.epochs):
        order = rows[:]
        random.Random(f"{options.seed}/{network.epochs}").shuffle(order)
        for row, label in order:
            network.step(row, label, options.rate)
        network.epochs += 1
        record(network, rows, METRICS)
    if not options.epochs and rows:
        record(network, rows, METRICS)
    network.save(MODEL)


if __name__ == "__main__":
    main()
