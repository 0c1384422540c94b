"""The vocabulary, what a part is, and the parts themselves: cues, encoders, heads, and one file per modality."""
