"""What a trial does: a member's head is fitted, or the ensemble put together, and judged."""
