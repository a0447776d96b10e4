"""How the weights of the judge `nli` are made: wordings → facts → pairs → training → export."""
