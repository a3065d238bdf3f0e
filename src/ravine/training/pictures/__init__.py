"""Pictures of finished runs: curves, confusion matrix, misclassified images, weights."""
