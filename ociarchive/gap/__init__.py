"""Deltas: what the other side has, what an archive leaves out because of that, and what completes it again."""
