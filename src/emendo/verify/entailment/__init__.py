"""Cross-encoders that read a claim beside a sentence, and what they may be asked.

`scope` says which sentences speak of a claim and which conclusions they allow; `shipped` runs the weights of this package with
onnxruntime, `hub` any classifier of Hugging Face's hub with transformers. MODEL_CARD.md tells what the weights are.
"""
