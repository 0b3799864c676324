"""The pipeline: shards for devices and beats, and behind them the stage of the whole site."""
