"""The search for a network: space, plan, KerasTuner's Hyperband made fault-tolerant, finalists."""
