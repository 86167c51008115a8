"""Lives without files, HTTP and SQL planning: dispatch, journal and the pure functions of planning over values.

Only here are hundreds of nights a second to be had. What is modelled is said in `store.py`; all else is production.
"""
