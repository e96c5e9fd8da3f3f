"""The promises between Anken's services: event models, envelope, topics, schemas and the law as dated data."""
