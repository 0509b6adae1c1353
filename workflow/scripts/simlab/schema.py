"""JSON schema of the configuration, for editors: `python -m simlab.schema > FILE`."""

import json

from simlab.campaign import Campaign


def campaign_schema():
    """JSON schema of a campaign file, as text."""
    return json.dumps(Campaign.model_json_schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(campaign_schema(), end="")
