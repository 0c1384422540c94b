"""EmoAffectNet: its network, the encoder of faces over it, and the conversion of the published weights."""

from modalities.encoders.emoaffectnet.convert import convert_emoaffectnet, save_emoaffectnet
from modalities.encoders.emoaffectnet.encoder import EmoAffectNet
from modalities.encoders.emoaffectnet.network import EmoAffectNetwork, Sizes

__all__ = ["EmoAffectNet", "EmoAffectNetwork", "Sizes", "convert_emoaffectnet", "save_emoaffectnet"]
