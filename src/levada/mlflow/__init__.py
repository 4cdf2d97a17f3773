"""What Levada tells MLflow: runs, nodes, metrics, data and model versions, delivered from the journal.

Importing this package, or any module of it, does not import MLflow: that happens when there is something
to deliver.
"""
