// CMnl
