"""What can be done with a trained model: handlers of operations, for every modality."""
