"""HyperLoRA (arXiv 2503.16944): a network that reads a face and writes the LoRA of that person for SDXL's attention.

One pass, no training: two looks at the photo (`conditioning`) go through the network (`network`), whose published
weights `checkpoint` reads, and come out as the matrices of a plain kohya LoRA (`identity`) for any SDXL pipeline.
"""
