"""Searches: fusion weights, fusions, members, mappings and head settings; always on train and dev."""
