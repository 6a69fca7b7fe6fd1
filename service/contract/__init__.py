"""The contract: what an operation takes and answers, declared once, and the OpenAPI document made of it."""
