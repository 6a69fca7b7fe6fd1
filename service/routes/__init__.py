"""The routes: a blueprint in each module, with its views, operations and schemas."""
