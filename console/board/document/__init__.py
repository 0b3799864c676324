"""The document that describes the API, and the types of what the API answers.

The answers themselves are dicts as they come from the store, for there is no need to build objects of them; tests hold
them against these types. What is said below a field here stands in the document, too.
"""
