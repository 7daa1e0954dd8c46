"""The finance history: tables of versions, what was asked for them, and the functions that say what was known when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stock_assistant_pipelines.warehouse import functions
from stock_assistant_pipelines.warehouse.statement import sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TYPES = {"text": sa.Text, "date": sa.Date, "numeric": sa.Numeric, "bigint": sa.BigInteger, "flow": sa.Numeric}
"""A flow counts from the start of the year: quarters and trailing twelve months are derived from it."""

# The columns of each table, in its order: name, type (`!`: never null), and what it means.

BALANCESHEET = """
    ts_code text! Tushare code
    ann_date date Announced on
    f_ann_date date Announced on, this version
    end_date date! Report period, the last day of a quarter
    report_type text! 1 consolidated, 4 restated a year later, 5 before adjustment
    comp_type text 1 industrial and commercial, 2 bank, 3 insurer, 4 broker
    end_type text Quarter of the report period, 1 to 4
    total_share numeric Shares at the end of the period, share
    cap_rese numeric Capital reserve, CNY
    undistr_porfit numeric Undistributed profit, CNY
    surplus_rese numeric Surplus reserve, CNY
    special_rese numeric Special reserve, CNY
    money_cap numeric Cash and bank balances, CNY
    trad_asset numeric Trading financial assets, CNY
    notes_receiv numeric Notes receivable, CNY
    accounts_receiv numeric Accounts receivable, CNY
    oth_receiv numeric Other receivables, CNY
    prepayment numeric Prepayments, CNY
    div_receiv numeric Dividends receivable, CNY
    int_receiv numeric Interest receivable, CNY
    inventories numeric Inventories, CNY
    amor_exp numeric Deferred expenses, CNY
    nca_within_1y numeric Non-current assets due within a year, CNY
    sett_rsrv numeric Settlement reserves, CNY
    loanto_oth_bank_fi numeric Placements with banks and other financial institutions, CNY
    premium_receiv numeric Premiums receivable, CNY
    reinsur_receiv numeric Reinsurance receivables, CNY
    reinsur_res_receiv numeric Reinsurance contract reserves receivable, CNY
    pur_resale_fa numeric Financial assets purchased under resale agreements, CNY
    oth_cur_assets numeric Other current assets, CNY
    total_cur_assets numeric Total current assets, CNY
    fa_avail_for_sale numeric Available-for-sale financial assets, CNY
    htm_invest numeric Held-to-maturity investments, CNY
    lt_eqt_invest numeric Long-term equity investments, CNY
    invest_real_estate numeric Investment property, CNY
    time_deposits numeric Time deposits, CNY
    oth_assets numeric Other assets, CNY
    lt_rec numeric Long-term receivables, CNY
    fix_assets numeric Fixed assets, CNY
    cip numeric Construction in progress, CNY
    const_materials numeric Construction materials, CNY
    fixed_assets_disp numeric Fixed assets under disposal, CNY
    produc_bio_assets numeric Productive biological assets, CNY
    oil_and_gas_assets numeric Oil and gas assets, CNY
    intan_assets numeric Intangible assets, CNY
    r_and_d numeric Development expenditure, CNY
    goodwill numeric Goodwill, CNY
    lt_amor_exp numeric Long-term deferred expenses, CNY
    defer_tax_assets numeric Deferred tax assets, CNY
    decr_in_disbur numeric Loans and advances granted, CNY
    oth_nca numeric Other non-current assets, CNY
    total_nca numeric Total non-current assets, CNY
    cash_reser_cb numeric Cash and deposits with the central bank, CNY
    depos_in_oth_bfi numeric Deposits with banks and other financial institutions, CNY
    prec_metals numeric Precious metals, CNY
    deriv_assets numeric Derivative assets, CNY
    rr_reins_une_prem numeric Reinsurers' share of unearned premium reserve, CNY
    rr_reins_outstd_cla numeric Reinsurers' share of outstanding claims reserve, CNY
    rr_reins_lins_liab numeric Reinsurers' share of life insurance reserve, CNY
    rr_reins_lthins_liab numeric Reinsurers' share of long-term health insurance reserve, CNY
    refund_depos numeric Refundable deposits paid, CNY
    ph_pledge_loans numeric Policy loans, CNY
    refund_cap_depos numeric Statutory capital deposits paid, CNY
    indep_acct_assets numeric Separate account assets, CNY
    client_depos numeric Of which: clients' deposits, CNY
    client_prov numeric Of which: clients' settlement reserves, CNY
    transac_seat_fee numeric Of which: exchange seat fees, CNY
    invest_as_receiv numeric Investments classified as receivables, CNY
    total_assets numeric Total assets, CNY
    lt_borr numeric Long-term borrowings, CNY
    st_borr numeric Short-term borrowings, CNY
    cb_borr numeric Borrowings from the central bank, CNY
    depos_ib_deposits numeric Deposits of customers and banks, CNY
    loan_oth_bank numeric Placements from banks, CNY
    trading_fl numeric Trading financial liabilities, CNY
    notes_payable numeric Notes payable, CNY
    acct_payable numeric Accounts payable, CNY
    adv_receipts numeric Advances from customers, CNY
    sold_for_repur_fa numeric Financial assets sold under repurchase agreements, CNY
    comm_payable numeric Fees and commissions payable, CNY
    payroll_payable numeric Payroll payable, CNY
    taxes_payable numeric Taxes payable, CNY
    int_payable numeric Interest payable, CNY
    div_payable numeric Dividends payable, CNY
    oth_payable numeric Other payables, CNY
    acc_exp numeric Accrued expenses, CNY
    deferred_inc numeric Deferred income, CNY
    st_bonds_payable numeric Short-term bonds payable, CNY
    payable_to_reinsurer numeric Reinsurance payables, CNY
    rsrv_insur_cont numeric Insurance contract reserves, CNY
    acting_trading_sec numeric Clients' money for trading securities, CNY
    acting_uw_sec numeric Money for underwriting securities, CNY
    non_cur_liab_due_1y numeric Non-current liabilities due within a year, CNY
    oth_cur_liab numeric Other current liabilities, CNY
    total_cur_liab numeric Total current liabilities, CNY
    bond_payable numeric Bonds payable, CNY
    lt_payable numeric Long-term payables, CNY
    specific_payables numeric Special payables, CNY
    estimated_liab numeric Provisions, CNY
    defer_tax_liab numeric Deferred tax liabilities, CNY
    defer_inc_non_cur_liab numeric Deferred income, non-current, CNY
    oth_ncl numeric Other non-current liabilities, CNY
    total_ncl numeric Total non-current liabilities, CNY
    depos_oth_bfi numeric Deposits of banks and other financial institutions, CNY
    deriv_liab numeric Derivative liabilities, CNY
    depos numeric Deposits of customers, CNY
    agency_bus_liab numeric Liabilities of agency business, CNY
    oth_liab numeric Other liabilities, CNY
    prem_receiv_adva numeric Premiums received in advance, CNY
    depos_received numeric Refundable deposits received, CNY
    ph_invest numeric Policyholders' deposits and investments, CNY
    reser_une_prem numeric Unearned premium reserve, CNY
    reser_outstd_claims numeric Outstanding claims reserve, CNY
    reser_lins_liab numeric Life insurance reserve, CNY
    reser_lthins_liab numeric Long-term health insurance reserve, CNY
    indept_acc_liab numeric Separate account liabilities, CNY
    pledge_borr numeric Of which: pledged borrowings, CNY
    indem_payable numeric Claims payable, CNY
    policy_div_payable numeric Policyholder dividends payable, CNY
    total_liab numeric Total liabilities, CNY
    treasury_share numeric Less: treasury shares, CNY
    ordin_risk_reser numeric General risk reserve, CNY
    forex_differ numeric Currency translation differences, CNY
    invest_loss_unconf numeric Unrecognised investment loss, CNY
    minority_int numeric Minority interests, CNY
    total_hldr_eqy_exc_min_int numeric Equity attributable to the parent's owners, CNY
    total_hldr_eqy_inc_min_int numeric Total equity, minority interests included, CNY
    total_liab_hldr_eqy numeric Total liabilities and equity, CNY
    lt_payroll_payable numeric Long-term payroll payable, CNY
    oth_comp_income numeric Other comprehensive income, CNY
    oth_eqt_tools numeric Other equity instruments, CNY
    oth_eqt_tools_p_shr numeric Other equity instruments: preferred shares, CNY
    lending_funds numeric Margin loans to clients, CNY
    acc_receivable numeric Receivables, CNY
    st_fin_payable numeric Short-term financing payable, CNY
    payables numeric Payables, CNY
    hfs_assets numeric Assets held for sale, CNY
    hfs_sales numeric Liabilities held for sale, CNY
    cost_fin_assets numeric Financial assets at amortised cost, CNY
    fair_value_fin_assets numeric Financial assets at fair value through other comprehensive income, CNY
    cip_total numeric Construction in progress, total, CNY
    oth_pay_total numeric Other payables, total, CNY
    long_pay_total numeric Long-term payables, total, CNY
    debt_invest numeric Debt investments, CNY
    oth_debt_invest numeric Other debt investments, CNY
    oth_eq_invest numeric Investments in other equity instruments, CNY
    oth_illiq_fin_assets numeric Other non-current financial assets, CNY
    oth_eq_ppbond numeric Other equity instruments: perpetual bonds, CNY
    receiv_financing numeric Receivables financing, CNY
    use_right_assets numeric Right-of-use assets, CNY
    lease_liab numeric Lease liabilities, CNY
    contract_assets numeric Contract assets, CNY
    contract_liab numeric Contract liabilities, CNY
    accounts_receiv_bill numeric Notes and accounts receivable, CNY
    accounts_pay numeric Notes and accounts payable, CNY
    oth_rcv_total numeric Other receivables, total, CNY
    fix_assets_total numeric Fixed assets, total, CNY
    update_flag text 1 latest, 0 as first told
"""

CASHFLOW = """
    ts_code text! Tushare code
    ann_date date Announced on
    f_ann_date date Announced on, this version
    end_date date! Report period, the last day of a quarter
    comp_type text 1 industrial and commercial, 2 bank, 3 insurer, 4 broker
    report_type text! 1 consolidated, 4 restated a year later, 5 before adjustment
    end_type text Quarter of the report period, 1 to 4
    net_profit flow Net profit, CNY
    finan_exp flow Finance expenses, CNY
    c_fr_sale_sg flow Cash received from sales of goods and services, CNY
    recp_tax_rends flow Tax refunds received, CNY
    n_depos_incr_fi flow Net increase in deposits of clients and banks, CNY
    n_incr_loans_cb flow Net increase in borrowings from the central bank, CNY
    n_inc_borr_oth_fi flow Net increase in borrowings from other financial institutions, CNY
    prem_fr_orig_contr flow Cash received from premiums of direct insurance, CNY
    n_incr_insured_dep flow Net increase in policyholders' deposits, CNY
    n_reinsur_prem flow Net cash received from reinsurance, CNY
    n_incr_disp_tfa flow Net increase from disposal of trading financial assets, CNY
    ifc_cash_incr flow Net increase in interest, fees and commissions received, CNY
    n_incr_disp_faas flow Net increase from disposal of available-for-sale financial assets, CNY
    n_incr_loans_oth_bank flow Net increase in placements from banks, CNY
    n_cap_incr_repur flow Net increase from repurchase business, CNY
    c_fr_oth_operate_a flow Other cash received from operating activities, CNY
    c_inf_fr_operate_a flow Cash inflows from operating activities, CNY
    c_paid_goods_s flow Cash paid for goods and services, CNY
    c_paid_to_for_empl flow Cash paid to and for employees, CNY
    c_paid_for_taxes flow Taxes paid, CNY
    n_incr_clt_loan_adv flow Net increase in loans and advances to clients, CNY
    n_incr_dep_cbob flow Net increase in deposits with the central bank and banks, CNY
    c_pay_claims_orig_inco flow Cash paid for claims of direct insurance, CNY
    pay_handling_chrg flow Fees paid, CNY
    pay_comm_insur_plcy flow Policyholder dividends paid, CNY
    oth_cash_pay_oper_act flow Other cash paid for operating activities, CNY
    st_cash_out_act flow Cash outflows from operating activities, CNY
    n_cashflow_act flow Net cash flow from operating activities, CNY
    oth_recp_ral_inv_act flow Other cash received from investing activities, CNY
    c_disp_withdrwl_invest flow Cash received from withdrawn investments, CNY
    c_recp_return_invest flow Cash received from returns on investments, CNY
    n_recp_disp_fiolta flow Net cash from disposal of fixed, intangible and other long-term assets, CNY
    n_recp_disp_sobu flow Net cash from disposal of subsidiaries and other business units, CNY
    stot_inflows_inv_act flow Cash inflows from investing activities, CNY
    c_pay_acq_const_fiolta flow Cash paid for fixed, intangible and other long-term assets, CNY
    c_paid_invest flow Cash paid for investments, CNY
    n_disp_subs_oth_biz flow Net cash paid for subsidiaries and other business units, CNY
    oth_pay_ral_inv_act flow Other cash paid for investing activities, CNY
    n_incr_pledge_loan flow Net increase in pledged loans, CNY
    stot_out_inv_act flow Cash outflows from investing activities, CNY
    n_cashflow_inv_act flow Net cash flow from investing activities, CNY
    c_recp_borrow flow Cash received from borrowings, CNY
    proc_issue_bonds flow Cash received from issuing bonds, CNY
    oth_cash_recp_ral_fnc_act flow Other cash received from financing activities, CNY
    stot_cash_in_fnc_act flow Cash inflows from financing activities, CNY
    free_cashflow flow Free cash flow to the firm, CNY
    c_prepay_amt_borr flow Cash paid to repay debts, CNY
    c_pay_dist_dpcp_int_exp flow Cash paid for dividends, profits and interest, CNY
    incl_dvd_profit_paid_sc_ms flow Of which: paid by subsidiaries to minority shareholders, CNY
    oth_cashpay_ral_fnc_act flow Other cash paid for financing activities, CNY
    stot_cashout_fnc_act flow Cash outflows from financing activities, CNY
    n_cash_flows_fnc_act flow Net cash flow from financing activities, CNY
    eff_fx_flu_cash flow Effect of exchange rates on cash, CNY
    n_incr_cash_cash_equ flow Net increase in cash and cash equivalents, CNY
    c_cash_equ_beg_period numeric Cash and cash equivalents at the start of the year, CNY
    c_cash_equ_end_period numeric Cash and cash equivalents at the end of the period, CNY
    c_recp_cap_contrib flow Cash received from capital contributions, CNY
    incl_cash_rec_saims flow Of which: by subsidiaries from minority shareholders, CNY
    uncon_invest_loss flow Unrecognised investment loss, CNY
    prov_depr_assets flow Plus: impairment of assets, CNY
    depr_fa_coga_dpba flow Depreciation of fixed, oil and gas, and productive biological assets, CNY
    amort_intang_assets flow Amortisation of intangible assets, CNY
    lt_amort_deferred_exp flow Amortisation of long-term deferred expenses, CNY
    decr_deferred_exp flow Decrease in deferred expenses, CNY
    incr_acc_exp flow Increase in accrued expenses, CNY
    loss_disp_fiolta flow Loss from disposal of fixed, intangible and other long-term assets, CNY
    loss_scr_fa flow Loss from scrapped fixed assets, CNY
    loss_fv_chg flow Loss from changes in fair value, CNY
    invest_loss flow Investment loss, CNY
    decr_def_inc_tax_assets flow Decrease in deferred tax assets, CNY
    incr_def_inc_tax_liab flow Increase in deferred tax liabilities, CNY
    decr_inventories flow Decrease in inventories, CNY
    decr_oper_payable flow Decrease in operating receivables, CNY
    incr_oper_payable flow Increase in operating payables, CNY
    others flow Other, CNY
    im_net_cashflow_oper_act flow Net cash flow from operating activities, indirect method, CNY
    conv_debt_into_cap flow Debt converted into capital, CNY
    conv_copbonds_due_within_1y numeric Convertible bonds due within a year, CNY
    fa_fnc_leases flow Fixed assets leased in under finance leases, CNY
    im_n_incr_cash_equ flow Net increase in cash and cash equivalents, indirect method, CNY
    net_dism_capital_add flow Net increase in placements with banks, CNY
    net_cash_rece_sec flow Net cash received from trading securities for clients, CNY
    credit_impa_loss flow Credit impairment losses, CNY
    use_right_asset_dep flow Depreciation of right-of-use assets, CNY
    oth_loss_asset flow Impairment losses on other assets, CNY
    end_bal_cash numeric Cash at the end of the period, CNY
    beg_bal_cash numeric Less: cash at the start of the year, CNY
    end_bal_cash_equ numeric Plus: cash equivalents at the end of the period, CNY
    beg_bal_cash_equ numeric Less: cash equivalents at the start of the year, CNY
    update_flag text 1 latest, 0 as first told
"""

DISCLOSURE_DATE = """
    ts_code text! Tushare code
    ann_date date Plan announced on, at the latest
    end_date date! Report period, the last day of a quarter
    pre_date date Planned day of disclosure
    actual_date date Disclosed on; null until then
    modify_date text Earlier planned days, separated by commas
"""

DIVIDEND = """
    ts_code text! Tushare code
    end_date date! Period that is paid for
    ann_date date Plan announced on
    div_proc text Stage: plan, approved, carried out
    stk_div numeric Bonus and converted shares per share, share
    stk_bo_rate numeric Bonus shares per share, share
    stk_co_rate numeric Shares converted from reserves per share, share
    cash_div numeric Cash per share, after tax; 0 until it is carried out, CNY
    cash_div_tax numeric Cash per share, before tax, CNY
    record_date date Record date
    ex_date date Ex-date; null until it is known
    pay_date date Cash paid on
    div_listdate date Bonus shares tradable from
    imp_ann_date date Carrying out announced on
    base_date date Base day
    base_share numeric Shares that are entitled, 10,000 shares
"""

EXPRESS = """
    ts_code text! Tushare code
    ann_date date Announced on
    end_date date! Report period, the last day of a quarter
    revenue numeric Operating revenue, CNY
    operate_profit numeric Operating profit, CNY
    total_profit numeric Profit before tax, CNY
    n_income numeric Net profit, CNY
    total_assets numeric Total assets, CNY
    total_hldr_eqy_exc_min_int numeric Equity attributable to the parent's owners, CNY
    diluted_eps numeric Diluted earnings per share, CNY
    diluted_roe numeric Return on equity, diluted, %
    yoy_net_profit numeric Net profit a year ago, restated, CNY
    bps numeric Net assets per share, CNY
    yoy_sales numeric Operating revenue, against a year ago, %
    yoy_op numeric Operating profit, against a year ago, %
    yoy_tp numeric Profit before tax, against a year ago, %
    yoy_dedu_np numeric Net profit of the parent's owners, against a year ago, %
    yoy_eps numeric Basic earnings per share, against a year ago, %
    yoy_roe numeric Return on weighted average equity, change against a year ago, %
    growth_assets numeric Total assets, against the start of the year, %
    yoy_equity numeric Equity of the parent's owners, against the start of the year, %
    growth_bps numeric Net assets per share, against the start of the year, %
    or_last_year numeric Operating revenue a year ago, CNY
    op_last_year numeric Operating profit a year ago, CNY
    tp_last_year numeric Profit before tax a year ago, CNY
    np_last_year numeric Net profit a year ago, CNY
    eps_last_year numeric Earnings per share a year ago, CNY
    open_net_assets numeric Net assets at the start of the year, CNY
    open_bps numeric Net assets per share at the start of the year, CNY
    perf_summary text Summary
    is_audit bigint 1 audited, 0 not
    remark text Remark
    update_flag text 1 latest, 0 as first told
"""

FINA_AUDIT = """
    ts_code text! Tushare code
    ann_date date Announced on
    end_date date! Report period, the last day of a quarter
    audit_result text Opinion
    audit_fees numeric Audit fees, CNY
    audit_agency text Auditor
    audit_sign text Signing accountants
"""

FINA_INDICATOR = """
    ts_code text! Tushare code
    ann_date date Announced on
    end_date date! Report period, the last day of a quarter
    eps numeric Basic earnings per share, CNY
    dt_eps numeric Diluted earnings per share, CNY
    total_revenue_ps numeric Total operating revenue per share, CNY
    revenue_ps numeric Operating revenue per share, CNY
    capital_rese_ps numeric Capital reserve per share, CNY
    surplus_rese_ps numeric Surplus reserve per share, CNY
    undist_profit_ps numeric Undistributed profit per share, CNY
    extra_item numeric Non-recurring profit or loss, CNY
    profit_dedt numeric Net profit without non-recurring items, CNY
    gross_margin numeric Gross profit, CNY
    current_ratio numeric Current ratio
    quick_ratio numeric Quick ratio
    cash_ratio numeric Conservative quick ratio
    invturn_days numeric Inventory turnover days, day
    arturn_days numeric Receivables turnover days, day
    inv_turn numeric Inventory turnover
    ar_turn numeric Receivables turnover
    ca_turn numeric Current assets turnover
    fa_turn numeric Fixed assets turnover
    assets_turn numeric Total assets turnover
    op_income numeric Net income from operating activities, CNY
    valuechange_income numeric Net income from changes in value, CNY
    interst_income numeric Interest expense, CNY
    daa numeric Depreciation and amortisation, CNY
    ebit numeric Earnings before interest and tax, CNY
    ebitda numeric Earnings before interest, tax, depreciation and amortisation, CNY
    fcff numeric Free cash flow to the firm, CNY
    fcfe numeric Free cash flow to equity, CNY
    current_exint numeric Interest-free current liabilities, CNY
    noncurrent_exint numeric Interest-free non-current liabilities, CNY
    interestdebt numeric Interest-bearing debt, CNY
    netdebt numeric Net debt, CNY
    tangible_asset numeric Tangible assets, CNY
    working_capital numeric Working capital, CNY
    networking_capital numeric Net operating working capital, CNY
    invest_capital numeric Total invested capital, CNY
    retained_earnings numeric Retained earnings, CNY
    diluted2_eps numeric Earnings per share on the shares at the end of the period, CNY
    bps numeric Net assets per share, CNY
    ocfps numeric Net operating cash flow per share, CNY
    retainedps numeric Retained earnings per share, CNY
    cfps numeric Net cash flow per share, CNY
    ebit_ps numeric Earnings before interest and tax per share, CNY
    fcff_ps numeric Free cash flow to the firm per share, CNY
    fcfe_ps numeric Free cash flow to equity per share, CNY
    netprofit_margin numeric Net profit margin, %
    grossprofit_margin numeric Gross profit margin, %
    cogs_of_sales numeric Cost of sales / sales, %
    expense_of_sales numeric Period expenses / sales, %
    profit_to_gr numeric Net profit / total operating revenue, %
    saleexp_to_gr numeric Selling expenses / total operating revenue, %
    adminexp_of_gr numeric Administrative expenses / total operating revenue, %
    finaexp_of_gr numeric Finance expenses / total operating revenue, %
    impai_ttm numeric Impairment losses on assets / total operating revenue, %
    gc_of_gr numeric Total operating costs / total operating revenue, %
    op_of_gr numeric Operating profit / total operating revenue, %
    ebit_of_gr numeric Earnings before interest and tax / total operating revenue, %
    roe numeric Return on equity, %
    roe_waa numeric Return on weighted average equity, %
    roe_dt numeric Return on equity, without non-recurring items, %
    roa numeric Return on total assets, before interest and tax, %
    npta numeric Net profit / total assets, %
    roic numeric Return on invested capital, %
    roe_yearly numeric Return on equity, annualised, %
    roa2_yearly numeric Return on total assets, before interest and tax, annualised, %
    roe_avg numeric Return on average equity, as share issues require, %
    opincome_of_ebt numeric Net income from operating activities / profit before tax
    investincome_of_ebt numeric Net income from changes in value / profit before tax
    n_op_profit_of_ebt numeric Net non-operating income / profit before tax
    tax_to_ebt numeric Income tax / profit before tax
    dtprofit_to_profit numeric Net profit without non-recurring items / net profit
    salescash_to_or numeric Cash received from sales / operating revenue
    ocf_to_or numeric Net operating cash flow / operating revenue
    ocf_to_opincome numeric Net operating cash flow / net income from operating activities
    capitalized_to_da numeric Capital expenditure / depreciation and amortisation
    debt_to_assets numeric Liabilities / assets, %
    assets_to_eqt numeric Equity multiplier, assets / equity
    dp_assets_to_eqt numeric Equity multiplier, DuPont
    ca_to_assets numeric Current assets / total assets, %
    nca_to_assets numeric Non-current assets / total assets, %
    tbassets_to_totalassets numeric Tangible assets / total assets, %
    int_to_talcap numeric Interest-bearing debt / total invested capital, %
    eqt_to_talcapital numeric Equity of the parent's owners / total invested capital, %
    currentdebt_to_debt numeric Current liabilities / total liabilities, %
    longdeb_to_debt numeric Non-current liabilities / total liabilities, %
    ocf_to_shortdebt numeric Net operating cash flow / current liabilities
    debt_to_eqt numeric Liabilities / equity
    eqt_to_debt numeric Equity of the parent's owners / total liabilities
    eqt_to_interestdebt numeric Equity of the parent's owners / interest-bearing debt
    tangibleasset_to_debt numeric Tangible assets / total liabilities
    tangasset_to_intdebt numeric Tangible assets / interest-bearing debt
    tangibleasset_to_netdebt numeric Tangible assets / net debt
    ocf_to_debt numeric Net operating cash flow / total liabilities
    ocf_to_interestdebt numeric Net operating cash flow / interest-bearing debt
    ocf_to_netdebt numeric Net operating cash flow / net debt
    ebit_to_interest numeric Interest cover
    longdebt_to_workingcapital numeric Long-term debt / working capital
    ebitda_to_debt numeric Earnings before interest, tax, depreciation and amortisation / total liabilities
    turn_days numeric Operating cycle, day
    roa_yearly numeric Net profit / total assets, annualised, %
    roa_dp numeric Net profit / total assets, DuPont, %
    fixed_assets numeric Fixed assets, total, CNY
    profit_prefin_exp numeric Operating profit before finance expenses, CNY
    non_op_profit numeric Non-operating profit, CNY
    op_to_ebt numeric Operating profit / profit before tax
    nop_to_ebt numeric Non-operating profit / profit before tax
    ocf_to_profit numeric Net operating cash flow / operating profit
    cash_to_liqdebt numeric Cash / current liabilities
    cash_to_liqdebt_withinterest numeric Cash / interest-bearing current liabilities
    op_to_liqdebt numeric Operating profit / current liabilities
    op_to_debt numeric Operating profit / total liabilities
    roic_yearly numeric Return on invested capital, annualised, %
    total_fa_trun numeric Total fixed assets turnover
    profit_to_op numeric Profit before tax / operating revenue, %
    q_opincome numeric Net income from operating activities, single quarter, CNY
    q_investincome numeric Net income from changes in value, single quarter, CNY
    q_dtprofit numeric Net profit without non-recurring items, single quarter, CNY
    q_eps numeric Earnings per share, single quarter, CNY
    q_netprofit_margin numeric Net profit margin, single quarter, %
    q_gsprofit_margin numeric Gross profit margin, single quarter, %
    q_exp_to_sales numeric Period expenses / sales, single quarter, %
    q_profit_to_gr numeric Net profit / total operating revenue, single quarter, %
    q_saleexp_to_gr numeric Selling expenses / total operating revenue, single quarter, %
    q_adminexp_to_gr numeric Administrative expenses / total operating revenue, single quarter, %
    q_finaexp_to_gr numeric Finance expenses / total operating revenue, single quarter, %
    q_impair_to_gr_ttm numeric Impairment losses on assets / total operating revenue, single quarter, %
    q_gc_to_gr numeric Total operating costs / total operating revenue, single quarter, %
    q_op_to_gr numeric Operating profit / total operating revenue, single quarter, %
    q_roe numeric Return on equity, single quarter, %
    q_dt_roe numeric Return on equity without non-recurring items, single quarter, %
    q_npta numeric Net profit / total assets, single quarter, %
    q_opincome_to_ebt numeric Net income from operating activities / profit before tax, single quarter
    q_investincome_to_ebt numeric Net income from changes in value / profit before tax, single quarter
    q_dtprofit_to_profit numeric Net profit without non-recurring items / net profit, single quarter
    q_salescash_to_or numeric Cash received from sales / operating revenue, single quarter
    q_ocf_to_sales numeric Net operating cash flow / operating revenue, single quarter, %
    q_ocf_to_or numeric Net operating cash flow / net income from operating activities, single quarter
    basic_eps_yoy numeric Basic earnings per share, against a year ago, %
    dt_eps_yoy numeric Diluted earnings per share, against a year ago, %
    cfps_yoy numeric Net operating cash flow per share, against a year ago, %
    op_yoy numeric Operating profit, against a year ago, %
    ebt_yoy numeric Profit before tax, against a year ago, %
    netprofit_yoy numeric Net profit of the parent's owners, against a year ago, %
    dt_netprofit_yoy numeric Net profit of the parent's owners without non-recurring items, against a year ago, %
    ocf_yoy numeric Net operating cash flow, against a year ago, %
    roe_yoy numeric Return on equity, diluted, against a year ago, %
    bps_yoy numeric Net assets per share, against the start of the year, %
    assets_yoy numeric Total assets, against the start of the year, %
    eqt_yoy numeric Equity of the parent's owners, against the start of the year, %
    tr_yoy numeric Total operating revenue, against a year ago, %
    or_yoy numeric Operating revenue, against a year ago, %
    q_gr_yoy numeric Total operating revenue, single quarter, against a year ago, %
    q_gr_qoq numeric Total operating revenue, single quarter, against the quarter before, %
    q_sales_yoy numeric Operating revenue, single quarter, against a year ago, %
    q_sales_qoq numeric Operating revenue, single quarter, against the quarter before, %
    q_op_yoy numeric Operating profit, single quarter, against a year ago, %
    q_op_qoq numeric Operating profit, single quarter, against the quarter before, %
    q_profit_yoy numeric Net profit, single quarter, against a year ago, %
    q_profit_qoq numeric Net profit, single quarter, against the quarter before, %
    q_netprofit_yoy numeric Net profit of the parent's owners, single quarter, against a year ago, %
    q_netprofit_qoq numeric Net profit of the parent's owners, single quarter, against the quarter before, %
    equity_yoy numeric Net assets, against a year ago, %
    rd_exp numeric Research and development expenses, CNY
    update_flag text 1 latest, 0 as first told
"""

FINA_MAINBZ = """
    ts_code text! Tushare code
    end_date date! Report period, the last day of a quarter
    type text! P by product, D by region, I by industry
    bz_item text! Item
    bz_sales numeric Revenue, CNY
    bz_profit numeric Profit, CNY
    bz_cost numeric Cost, CNY
    curr_type text Currency
    update_flag text 1 latest, 0 as first told
"""

FORECAST = """
    ts_code text! Tushare code
    ann_date date Announced on
    end_date date! Report period, the last day of a quarter
    type text Kind of forecast
    p_change_min numeric Change of net profit, at least, %
    p_change_max numeric Change of net profit, at most, %
    net_profit_min numeric Net profit, at least, 10,000 CNY
    net_profit_max numeric Net profit, at most, 10,000 CNY
    last_parent_net numeric Net profit of the parent's owners a year ago, 10,000 CNY
    first_ann_date date First announced on
    summary text Summary
    change_reason text Reason for the change
    update_flag text 1 latest, 0 as first told
"""

INCOME = """
    ts_code text! Tushare code
    ann_date date Announced on
    f_ann_date date Announced on, this version
    end_date date! Report period, the last day of a quarter
    report_type text! 1 consolidated, 4 restated a year later, 5 before adjustment
    comp_type text 1 industrial and commercial, 2 bank, 3 insurer, 4 broker
    end_type text Quarter of the report period, 1 to 4
    basic_eps numeric Basic earnings per share, CNY
    diluted_eps numeric Diluted earnings per share, CNY
    total_revenue flow Total operating revenue, CNY
    revenue flow Operating revenue, CNY
    int_income flow Interest income, CNY
    prem_earned flow Premiums earned, CNY
    comm_income flow Fee and commission income, CNY
    n_commis_income flow Net fee and commission income, CNY
    n_oth_income flow Other net operating income, CNY
    n_oth_b_income flow Plus: net income of other business, CNY
    prem_income flow Insurance premium income, CNY
    out_prem flow Less: premiums ceded, CNY
    une_prem_reser flow Change in unearned premium reserve, CNY
    reins_income flow Of which: reinsurance premium income, CNY
    n_sec_tb_income flow Net income from trading securities for clients, CNY
    n_sec_uw_income flow Net income from underwriting securities, CNY
    n_asset_mg_income flow Net income from managing clients' assets, CNY
    oth_b_income flow Income of other business, CNY
    fv_value_chg_gain flow Plus: net gain from changes in fair value, CNY
    invest_income flow Plus: net investment income, CNY
    ass_invest_income flow Of which: from associates and joint ventures, CNY
    forex_gain flow Plus: net exchange gain, CNY
    total_cogs flow Total operating costs, CNY
    oper_cost flow Less: operating costs, CNY
    int_exp flow Less: interest expense, CNY
    comm_exp flow Less: fee and commission expense, CNY
    biz_tax_surchg flow Less: business taxes and surcharges, CNY
    sell_exp flow Less: selling expenses, CNY
    admin_exp flow Less: administrative expenses, CNY
    fin_exp flow Less: finance expenses, CNY
    assets_impair_loss flow Less: impairment losses on assets, CNY
    prem_refund flow Surrenders, CNY
    compens_payout flow Total claims paid, CNY
    reser_insur_liab flow Change in insurance contract reserves, CNY
    div_payt flow Policyholder dividends, CNY
    reins_exp flow Reinsurance expenses, CNY
    oper_exp flow Operating expenditure, CNY
    compens_payout_refu flow Less: claims recovered from reinsurers, CNY
    insur_reser_refu flow Less: insurance reserves recovered from reinsurers, CNY
    reins_cost_refund flow Less: expenses recovered from reinsurers, CNY
    other_bus_cost flow Costs of other business, CNY
    operate_profit flow Operating profit, CNY
    non_oper_income flow Plus: non-operating income, CNY
    non_oper_exp flow Less: non-operating expenses, CNY
    nca_disploss flow Of which: less: net loss from disposal of non-current assets, CNY
    total_profit flow Profit before tax, CNY
    income_tax flow Income tax, CNY
    n_income flow Net profit, minority interests included, CNY
    n_income_attr_p flow Net profit attributable to the parent's owners, CNY
    minority_gain flow Net profit attributable to minority interests, CNY
    oth_compr_income flow Other comprehensive income, CNY
    t_compr_income flow Total comprehensive income, CNY
    compr_inc_attr_p flow Comprehensive income attributable to the parent's owners, CNY
    compr_inc_attr_m_s flow Comprehensive income attributable to minority interests, CNY
    ebit flow Earnings before interest and tax, CNY
    ebitda flow Earnings before interest, tax, depreciation and amortisation, CNY
    insurance_exp flow Insurance business expenditure, CNY
    undist_profit numeric Undistributed profit at the start of the year, CNY
    distable_profit numeric Distributable profit, CNY
    rd_exp flow Research and development expenses, CNY
    fin_exp_int_exp flow Finance expenses: interest expense, CNY
    fin_exp_int_inc flow Finance expenses: interest income, CNY
    transfer_surplus_rese flow Transferred in from surplus reserve, CNY
    transfer_housing_imprest flow Transferred in from the housing fund, CNY
    transfer_oth flow Transferred in, other, CNY
    adj_lossgain flow Adjustment of earlier years' profit, CNY
    withdra_legal_surplus flow Appropriated to statutory surplus reserve, CNY
    withdra_legal_pubfund flow Appropriated to the statutory welfare fund, CNY
    withdra_biz_devfund flow Appropriated to the enterprise development fund, CNY
    withdra_rese_fund flow Appropriated to the reserve fund, CNY
    withdra_oth_ersu flow Appropriated to discretionary surplus reserve, CNY
    workers_welfare flow Employees' bonuses and welfare, CNY
    distr_profit_shrhder numeric Profit distributable to shareholders, CNY
    prfshare_payable_dvd flow Dividends payable on preferred shares, CNY
    comshare_payable_dvd flow Dividends payable on ordinary shares, CNY
    capit_comstock_div flow Ordinary dividends turned into share capital, CNY
    net_after_nr_lp_correct flow Net profit without non-recurring items, before correction, CNY
    credit_impa_loss flow Credit impairment losses, CNY
    net_expo_hedging_benefits flow Gain from net exposure hedging, CNY
    oth_impair_loss_assets flow Impairment losses on other assets, CNY
    total_opcost flow Total operating costs (2), CNY
    amodcost_fin_assets flow Gain from derecognised financial assets at amortised cost, CNY
    oth_income flow Other income, CNY
    asset_disp_income flow Gain from disposal of assets, CNY
    continued_net_profit flow Net profit from continuing operations, CNY
    end_net_profit flow Net profit from discontinued operations, CNY
    update_flag text 1 latest, 0 as first told
"""

TABLES = {
    "balancesheet": (
        BALANCESHEET,
        ("ts_code", "end_date", "report_type"),
        "one row per company, report period, report type and version",
    ),
    "cashflow": (
        CASHFLOW,
        ("ts_code", "end_date", "report_type"),
        "one row per company, report period, report type and version",
    ),
    "disclosure_date": (
        DISCLOSURE_DATE,
        ("ts_code", "end_date"),
        "one row per company, report period and version of the plan",
    ),
    "dividend": (
        DIVIDEND,
        ("ts_code", "end_date", "ann_date", "div_proc", "ex_date"),
        "one row per company, period, plan, stage of it and version",
    ),
    "express": (EXPRESS, ("ts_code", "end_date"), "one row per company, report period and version"),
    "fina_audit": (
        FINA_AUDIT,
        ("ts_code", "end_date", "audit_agency"),
        "one row per company, report period, auditor and version",
    ),
    "fina_indicator": (FINA_INDICATOR, ("ts_code", "end_date"), "one row per company, report period and version"),
    "fina_mainbz": (
        FINA_MAINBZ,
        ("ts_code", "end_date", "type", "bz_item", "curr_type"),
        "one row per company, report period, way of dividing, item, currency and version",
    ),
    "forecast": (
        FORECAST,
        ("ts_code", "end_date", "ann_date"),
        "one row per company, report period, day of announcement and version",
    ),
    "income": (
        INCOME,
        ("ts_code", "end_date", "report_type"),
        "one row per company, report period, report type and version",
    ),
}
"""Of each table its columns, the key of which one version stands, and what one row is."""

STATEMENTS = ("balancesheet", "cashflow", "income")
"""The tables with report types."""

PREFERRED = ("update_flag", "base_date")
"""Of versions that became known at the same time, the highest in these columns stands."""

YEAR_TO_DATE = ("cashflow", "income")
"""The tables with figures that count from the start of the year."""

SINGLE = {
    "latest_period": "text, date",
    "restatements": "text, text, date, text",
    "dividends_as_of": "date",
    "dividend_sums_as_of": "date",
}
"""The functions that there is one of, and what they take."""

ON_DAY = "ISO date of the trading day, or 'all'"
ON_DAY_OR_PERIOD = "ISO date of the trading day or report period, or 'all'"


def upgrade() -> None:
    """Apply."""
    _create_asked()
    for api, (columns, key, row) in TABLES.items():
        _create_versions(api, columns, key, row)
    _comment_partition(ON_DAY, ON_DAY_OR_PERIOD)
    for statement in _functions():
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    op.execute("DROP VIEW quarantine")
    for name, takes in [*SINGLE.items()][::-1]:
        op.execute(f"DROP FUNCTION {name}({takes})")
    for api in YEAR_TO_DATE:
        op.execute(f"DROP FUNCTION {api}_quarter_as_of(date, boolean), {api}_ttm_as_of(date, boolean)")
    for api in TABLES:
        more = ", boolean" if api in STATEMENTS else ""
        op.execute(f"DROP FUNCTION {api}_as_of(date{more}), {api}_as_read(timestamptz{more})")
    _comment_partition(ON_DAY_OR_PERIOD, ON_DAY)
    for api in (*TABLES, "asked"):
        op.drop_table(api)


def _functions() -> list[str]:
    statements = []
    for api, (columns, key, _) in TABLES.items():
        names = [name for name, _, _ in _described(columns)]
        prefer = [name for name in names if name in PREFERRED]
        if api in STATEMENTS:
            statements += [functions.statement_as_of(api, prefer), functions.statement_as_read(api, prefer)]
        else:
            statements += [functions.as_of(api, key, prefer), functions.as_read(api, key, prefer)]
    for api in YEAR_TO_DATE:
        flows = [name for name, kind, _ in _described(TABLES[api][0]) if kind == "flow"]
        statements += [functions.quarter_as_of(api, flows), functions.ttm_as_of(api, flows)]
    return [*statements, *map(sql, SINGLE), functions.quarantine(list(TABLES))]


def _described(columns: str) -> list[tuple[str, str, str]]:
    """Name, type and meaning of each column."""
    described = []
    for line in columns.strip().splitlines():
        name, kind, comment = line.split(maxsplit=2)
        described.append((name, kind, comment))
    return described


def _create_versions(api: str, columns: str, key: tuple[str, ...], row: str) -> None:
    described = _described(columns)
    required = {name for name, kind, _ in described if kind.endswith("!")}
    identity = (*key, "digest", "ingested_at")
    op.create_table(
        api,
        *(
            sa.Column(name, TYPES[kind.rstrip("!")](), nullable=name not in required, comment=comment)
            for name, kind, comment in described
        ),
        sa.Column(
            "known_at",
            sa.DateTime(timezone=True),
            comment="Since when it is known; null: nobody can say, see `flaw`",
        ),
        sa.Column("flaw", sa.Text(), comment="Why it is quarantined, in a sentence; null: it is not"),
        sa.Column("digest", sa.Text(), nullable=False, comment="MD5 of what Tushare's columns say"),
        sa.Column("filled", sa.Integer(), nullable=False, comment="How many of Tushare's columns say something"),
        sa.Column("ingested_at", sa.DateTime(timezone=True), nullable=False, comment="When an answer first told it"),
        sa.Column(
            "replaced_at",
            sa.DateTime(timezone=True),
            comment="When an answer told others instead; null: it stands",
        ),
        sa.Column(
            "known_until",
            sa.DateTime(timezone=True),
            comment="Since when others are known instead; null: it stands",
        ),
        sa.Column("run_id", sa.Text(), comment="The Dagster run that read it"),
        sa.PrimaryKeyConstraint(*identity, name=f"{api}_pkey")
        if required.issuperset(key)
        else sa.UniqueConstraint(*identity, name=f"{api}_key", postgresql_nulls_not_distinct=True),
        comment=row,
    )
    op.create_index(f"{api}_by_period", api, ["end_date", "ts_code"])
    flawed = sa.text("flaw IS NOT NULL")
    op.create_index(f"{api}_quarantined", api, ["end_date", "ts_code"], postgresql_where=flawed)


def _create_asked() -> None:
    op.create_table(
        "asked",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("ts_code", sa.Text(), nullable=False, comment="The stock; '*': the whole market"),
        sa.Column("part", sa.Text(), nullable=False, comment="Which of the calls that one stock takes"),
        sa.Column(
            "variant",
            sa.Integer(),
            nullable=False,
            comment="Position of its parameters in the declaration's `variants`",
        ),
        sa.Column(
            "first_period",
            sa.Date(),
            comment="The first report period that it asked for; null: from the beginning",
        ),
        sa.Column("last_period", sa.Date(), comment="The last one; null: to the newest"),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last answered or tried"),
        sa.Column("status", sa.Text(), nullable=False, comment="complete, failed, deferred, disabled"),
        sa.Column("cause", sa.Text(), comment="What kind of thing kept it from being answered"),
        sa.Column("reason", sa.Text(), comment="Why it was not answered, in a sentence"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="Tries in vain since it was last answered"),
        sa.Column("rows", sa.Integer(), nullable=False, comment="Rows of the last answer"),
        sa.Column("run_id", sa.Text(), comment="The Dagster run that did it"),
        sa.PrimaryKeyConstraint("dataset", "ts_code", "part", name="asked_pkey"),
        comment="One row per call that is made for a stock, or for the market's report period: when it was last answered",
    )


def _comment_partition(before: str, after: str) -> None:
    op.alter_column(
        "coverage",
        "partition",
        existing_type=sa.Text(),
        existing_nullable=False,
        existing_comment=before,
        comment=after,
    )
