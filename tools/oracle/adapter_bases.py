"""Small models that adapters are put into: model type, class, config."""

from __future__ import annotations

from typing import Any

_SMALL = {
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "vocab_size": 96,
}
_GROUPED = {**_SMALL, "num_key_value_heads": 2}
_BERT = {**_SMALL, "max_position_embeddings": 32, "type_vocab_size": 2}
_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4, "vocab_size": 96}
_BART = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
         "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "vocab_size": 96,
         "max_position_embeddings": 32}  # fmt: skip
_EXPERTS = {**_GROUPED, "num_local_experts": 4, "num_experts_per_tok": 2}
_VISION = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_hidden_layers": 2,
           "image_size": 16, "patch_size": 8}  # fmt: skip
_TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 96,
         "max_position_embeddings": 16, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}  # fmt: skip
_GPT2 = {"n_embd": 48, "n_head": 4, "n_layer": 3, "vocab_size": 96, "n_positions": 32}

BASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("llama", "LlamaForCausalLM", _GROUPED),
    "llama-tied": ("llama", "LlamaForCausalLM", {**_GROUPED, "tie_word_embeddings": True, "attention_bias": True}),
    "llama-classifier": ("llama", "LlamaForSequenceClassification", {**_GROUPED, "pad_token_id": 0}),
    "qwen2": ("qwen2", "Qwen2ForCausalLM", {**_GROUPED, "tie_word_embeddings": True}),
    "qwen3": ("qwen3", "Qwen3ForCausalLM", {**_GROUPED, "head_dim": 16}),
    "mistral": ("mistral", "MistralForCausalLM", {**_GROUPED, "head_dim": 16}),
    "gemma2": ("gemma2", "Gemma2ForCausalLM", {**_GROUPED, "head_dim": 16}),
    "phi": ("phi", "PhiForCausalLM", _SMALL),
    "gpt2": ("gpt2", "GPT2LMHeadModel", _GPT2),
    "gpt2-classifier": ("gpt2", "GPT2ForSequenceClassification", {**_GPT2, "pad_token_id": 0}),
    "gpt_neox": ("gpt_neox", "GPTNeoXForCausalLM", _SMALL),
    "opt": ("opt", "OPTForCausalLM",
            {**_SMALL, "ffn_dim": 80, "word_embed_proj_dim": 48, "max_position_embeddings": 32}),
    "bloom": ("bloom", "BloomForCausalLM", {"hidden_size": 48, "n_layer": 3, "n_head": 4, "vocab_size": 96}),
    "falcon": ("falcon", "FalconForCausalLM", _SMALL),
    "bert": ("bert", "BertForSequenceClassification", _BERT),
    "bert-tokens": ("bert", "BertForTokenClassification", _BERT),
    "bert-answers": ("bert", "BertForQuestionAnswering", _BERT),
    "bert-masked": ("bert", "BertForMaskedLM", _BERT),
    "roberta": ("roberta", "RobertaForSequenceClassification", {**_BERT, "max_position_embeddings": 34}),
    "distilbert": ("distilbert", "DistilBertForSequenceClassification",
                   {"dim": 48, "hidden_dim": 80, "n_heads": 4, "n_layers": 3, "vocab_size": 96}),
    "deberta-v2": ("deberta-v2", "DebertaV2ForSequenceClassification", {**_BERT, "type_vocab_size": 0}),
    "t5": ("t5", "T5ForConditionalGeneration", _T5),
    "t5-gated": ("t5", "T5ForConditionalGeneration", {**_T5, "feed_forward_proj": "gated-gelu"}),
    "bart": ("bart", "BartForConditionalGeneration", _BART),
    "mixtral": ("mixtral", "MixtralForCausalLM", _EXPERTS),
    "qwen3_moe": ("qwen3_moe", "Qwen3MoeForCausalLM",
                  {**_GROUPED, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
                   "head_dim": 12}),
    "gpt_oss": ("gpt_oss", "GptOssForCausalLM", {**_EXPERTS, "head_dim": 12}),
    "vit": ("vit", "ViTForImageClassification", _VISION),
    "clip": ("clip", "CLIPModel", {"text_config": _TEXT, "vision_config": _VISION, "projection_dim": 24}),
    "whisper": ("whisper", "WhisperForConditionalGeneration",
                {**_BART, "max_source_positions": 16, "max_target_positions": 16, "num_mel_bins": 8, "pad_token_id": 0,
                 "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}),
    "resnet": ("resnet", "ResNetForImageClassification",
               {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}),
    "convnext": ("convnext", "ConvNextForImageClassification",
                 {"hidden_sizes": [8, 16, 16, 24], "depths": [1, 1, 1, 1], "num_stages": 4}),
    "mobilenet_v1": ("mobilenet_v1", "MobileNetV1ForImageClassification", {"depth_multiplier": 0.25}),
    "wav2vec2": ("wav2vec2", "Wav2Vec2ForCTC",
                 {**_BERT, "conv_dim": [16, 16], "conv_kernel": [3, 3], "conv_stride": [2, 2],
                  "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4}),
    "mamba": ("mamba", "MambaForCausalLM", {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 96}),
    "deepseek_v3": ("deepseek_v3", "DeepseekV3ForCausalLM",
                    {**_SMALL, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1,
                     "q_lora_rank": 12, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4,
                     "v_head_dim": 8, "moe_intermediate_size": 16, "first_k_dense_replace": 1}),
    "qwen2_moe": ("qwen2_moe", "Qwen2MoeForCausalLM",
                  {**_GROUPED, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
                   "shared_expert_intermediate_size": 24}),
    "albert": ("albert", "AlbertForSequenceClassification", {**_BERT, "embedding_size": 16}),
    "gpt_neo": ("gpt_neo", "GPTNeoForCausalLM",
                {"hidden_size": 48, "num_layers": 2, "num_heads": 4, "vocab_size": 96, "max_position_embeddings": 32,
                 "attention_types": [[["global", "local"], 1]]}),
    "blip-2": ("blip-2", "Blip2ForConditionalGeneration",
               {"vision_config": _VISION, "num_query_tokens": 4,
                "qformer_config": {**_BERT, "encoder_hidden_size": 32},
                "text_config": {"model_type": "opt", **_SMALL, "ffn_dim": 80, "word_embed_proj_dim": 48,
                                "max_position_embeddings": 32}}),
    "siglip": ("siglip", "SiglipModel", {"text_config": _TEXT, "vision_config": _VISION}),
}  # fmt: skip
