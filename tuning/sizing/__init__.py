"""How many machines something takes: what parts cost here, what follows from that, and what the answer rests on."""
