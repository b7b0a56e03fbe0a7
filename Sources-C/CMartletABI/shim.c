// CMartletABI
