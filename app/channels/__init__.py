"""渠道: how reports come in and answers go out. A channel is one package here, named in `catalogue.py`."""
