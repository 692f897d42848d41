"""What a set of labels needs: wrong ones found, texts worth labelling next, what more of them would bring."""
