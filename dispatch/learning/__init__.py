"""What closed cases teach about who is responsible: questions, a model of plain weights, how well it does, its versions.

Everything that answers is pure numpy; what makes the weights (scikit-learn) is the program `web.training`, never imported here.
"""
