"""The network that tells source items from target items."""
from __future__ import annotations

from crossmodal.models.layers import xavier_linear
from crossmodal.runtime import jt

nn = jt.nn
WIDTH = 1024  # of both hidden layers


class DomainDiscriminator(nn.Module):
    """Linear, ReLU, dropout, twice, and a linear layer to one number: the raw logit of "source".

    No sigmoid here: `domain_adversarial_loss` takes logits. Weights start from Xavier's normal
    distribution, ``std = sqrt(2 / (in + out))`` (Glorot and Bengio, AISTATS 2010), biases from
    zero, as in Long et al., "Conditional Adversarial Domain Adaptation", NeurIPS 2018.

    Parameters
    ----------
    in_features : F, or F * C behind `conditional_map`
    hidden : width of both hidden layers
    dropout : probability after each hidden layer, training only
    """

    def __init__(self, in_features: int, hidden: int = WIDTH, dropout: float = 0.5) -> None:
        self.first = xavier_linear(in_features, hidden)
        self.second = xavier_linear(hidden, hidden)
        self.last = xavier_linear(hidden, 1)
        self.dropout = nn.Dropout(dropout)

    def execute(self, x: jt.Var) -> jt.Var:
        """(N, in_features) -> (N, 1) raw logits."""
        x = self.dropout(nn.relu(self.first(x)))
        x = self.dropout(nn.relu(self.second(x)))
        # Jittor 1.3.11 cannot compile the sum with a bias (1,) that was just loaded; (1, 1) it can.
        return jt.matmul(x, self.last.weight.transpose(1, 0)) + self.last.bias.reshape(1, 1)
