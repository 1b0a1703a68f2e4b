"""A version as others take it: a plain folder, a Hugging Face model repository, an OCI image layout."""
