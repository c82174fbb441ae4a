"""A prompted Mask2Former, a CLIP and their texts, all real and very small, with random weights."""

import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPTextModel, SwinConfig

from model.adapters.proposers.clip_naming import ClipNaming
from model.adapters.proposers.mask2former import Mask2FormerProposer, TextEncoder
from model.adapters.proposers.text_query import PromptedConfig, PromptedMask2Former
from model.training.backbone import vocabulary

TEXT_DIM = 16
QUERIES = 7


def mask2former() -> PromptedMask2Former:
    """Pictures of 64 pixels, masks of 16 cells, three decoder layers."""
    torch.manual_seed(0)
    stages = [f"stage{number}" for number in range(1, 5)]
    swin = SwinConfig(image_size=64, embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=2, out_features=stages)
    widths = {"feature_size": 32, "mask_feature_size": 32, "hidden_dim": 32, "num_attention_heads": 2}
    layers = {"encoder_layers": 1, "decoder_layers": 4, "encoder_feedforward_dim": 32, "dim_feedforward": 32}
    prompts = {"text_dim": TEXT_DIM, "side": 64, "num_queries": QUERIES, "num_labels": 2}
    model = PromptedMask2Former(PromptedConfig(backbone_config=swin, **widths, **layers, **prompts))
    model.eval()
    return model


def text_config() -> CLIPTextConfig:
    """One layer over the embedded vocabulary."""
    tokenizer = vocabulary.build()
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_DIM,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        projection_dim=8,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def text_encoder() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(CLIPTextModel(text_config()).eval(), vocabulary.build())


def clip() -> ClipNaming:
    """CLIP on pictures of 32 pixels in patches of 8."""
    torch.manual_seed(0)
    layers = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "hidden_size": 16}
    vision = layers | {"image_size": 32, "patch_size": 8, "projection_dim": 8}
    config = CLIPConfig(text_config=text_config().to_dict(), vision_config=vision, projection_dim=8)
    processor = CLIPImageProcessorPil(size={"height": 32, "width": 32})
    return ClipNaming("tiny-clip", CLIPModel(config).eval(), vocabulary.build(), processor)


def proposer(second: ClipNaming | None = None) -> Mask2FormerProposer:
    return Mask2FormerProposer("tiny", mask2former(), text_encoder(), second)
