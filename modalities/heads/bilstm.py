"""BiLSTM head: a residual recurrent block, attention pooling, two layers (RAS §3.4, ID 10)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor, nn

from modalities.config import Choice, Uniform
from modalities.heads.head import Answer, Head
from modalities.heads.lstm import existing_first, recall
from modalities.heads.pooling import AttentionPooling


class ResidualBiLSTM(nn.Module):
    """Both directions, back to the width of the steps, added to them and normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.project, self.norm = nn.Linear(2 * width, width), nn.LayerNorm(width)

    def forward(self, steps_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Read steps [B, T, D] whose existing ones come first; what stands at the others means nothing."""
        read_BTD: Tensor = self.norm(self.project(recall(self.lstm, steps_BTD, mask_BT)) + steps_BTD)
        return read_BTD


class BiLSTMHead(Head):
    """Projection to `hidden` where the steps are not that wide already, the block, attention pooling, two layers."""

    name: ClassVar[str] = "bilstm"

    class Config(Head.Config):
        """The released head has the width of its steps as `hidden` (768, so no projection) and vector 256."""

        hidden: Annotated[int, Choice((64, 128, 256, 768))] = 128
        vector: Annotated[int, Choice((64, 128, 256))] = 256
        """Width of the second layer; the first is twice as wide."""
        dropout: Annotated[float, Uniform(0.0, 0.5)] = 0.3

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        width, vector = config.hidden, config.vector
        self.project = nn.Identity() if config.width == width else nn.Linear(config.width, width)
        self.read, self.pool = ResidualBiLSTM(width), AttentionPooling(width)
        self.trunk = nn.Sequential(
            nn.Linear(width, 2 * vector), nn.ReLU(), nn.LayerNorm(2 * vector), nn.Dropout(config.dropout),
            nn.Linear(2 * vector, vector), nn.ReLU(), nn.LayerNorm(vector), nn.Dropout(config.dropout),
        )  # fmt: skip
        self.tasks = self.last_layers(vector)

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  only their order matters
        """Read the steps in both directions, pool what was read, then judge."""
        features_BD = self.trunk(self.summarise(self.enter(steps, mask), mask))
        return Answer(features_BD, {task: layer(features_BD) for task, layer in self.tasks.items()})

    def summarise(self, steps_BTE: Tensor, mask_BT: Tensor) -> Tensor:
        """Turn steps into one vector [B, hidden]; zero for a row without steps."""
        steps_BTD, mask_BT = existing_first(self.project(steps_BTE), mask_BT)
        pooled_BD: Tensor = self.pool(self.read(steps_BTD, mask_BT), mask_BT)
        return pooled_BD
