"""From one graph to another: select, plan, rewrite, and the one orchestrator that moves the bytes."""
