"""What label.py is made of: a corpus in numbered parts, labelled by actors on Ray Data, each part once."""
