"""What companies own and owe: the consolidated balance sheet at the end of the period."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Disclosed
from stock_assistant_pipelines.catalog.finance.items import (
    ANN_DATE,
    COMP_TYPE,
    END_DATE,
    END_TYPE,
    F_ANN_DATE,
    REPORT_ROWS,
    REPORT_TYPES,
    RESTATED,
    STATEMENT_AFTER_PERIOD,
    UPDATE_FLAG,
    VERSIONS,
    items,
)
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.rules import Rule, Severity
from stock_assistant_pipelines.catalog.versions import Versions

BALANCESHEET = Dataset(
    api="balancesheet",
    title="Balance sheets",
    title_zh="资产负债表",
    row="one row per company, report period, report type and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date", "report_type"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS股票代码"),
        ANN_DATE,
        F_ANN_DATE,
        END_DATE,
        Column("report_type", Type.TEXT, "1 consolidated, 4 restated a year later, 5 before adjustment", "报表类型"),
        COMP_TYPE,
        END_TYPE,
        *items("""
            total_share | Shares at the end of the period | 期末总股本 | share
            cap_rese | Capital reserve | 资本公积金
            undistr_porfit | Undistributed profit | 未分配利润
            surplus_rese | Surplus reserve | 盈余公积金
            special_rese | Special reserve | 专项储备
            money_cap | Cash and bank balances | 货币资金
            trad_asset | Trading financial assets | 交易性金融资产
            notes_receiv | Notes receivable | 应收票据
            accounts_receiv | Accounts receivable | 应收账款
            oth_receiv | Other receivables | 其他应收款
            prepayment | Prepayments | 预付款项
            div_receiv | Dividends receivable | 应收股利
            int_receiv | Interest receivable | 应收利息
            inventories | Inventories | 存货
            amor_exp | Deferred expenses | 待摊费用
            nca_within_1y | Non-current assets due within a year | 一年内到期的非流动资产
            sett_rsrv | Settlement reserves | 结算备付金
            loanto_oth_bank_fi | Placements with banks and other financial institutions | 拆出资金
            premium_receiv | Premiums receivable | 应收保费
            reinsur_receiv | Reinsurance receivables | 应收分保账款
            reinsur_res_receiv | Reinsurance contract reserves receivable | 应收分保合同准备金
            pur_resale_fa | Financial assets purchased under resale agreements | 买入返售金融资产
            oth_cur_assets | Other current assets | 其他流动资产
            total_cur_assets | Total current assets | 流动资产合计
            fa_avail_for_sale | Available-for-sale financial assets | 可供出售金融资产
            htm_invest | Held-to-maturity investments | 持有至到期投资
            lt_eqt_invest | Long-term equity investments | 长期股权投资
            invest_real_estate | Investment property | 投资性房地产
            time_deposits | Time deposits | 定期存款
            oth_assets | Other assets | 其他资产
            lt_rec | Long-term receivables | 长期应收款
            fix_assets | Fixed assets | 固定资产
            cip | Construction in progress | 在建工程
            const_materials | Construction materials | 工程物资
            fixed_assets_disp | Fixed assets under disposal | 固定资产清理
            produc_bio_assets | Productive biological assets | 生产性生物资产
            oil_and_gas_assets | Oil and gas assets | 油气资产
            intan_assets | Intangible assets | 无形资产
            r_and_d | Development expenditure | 研发支出
            goodwill | Goodwill | 商誉
            lt_amor_exp | Long-term deferred expenses | 长期待摊费用
            defer_tax_assets | Deferred tax assets | 递延所得税资产
            decr_in_disbur | Loans and advances granted | 发放贷款及垫款
            oth_nca | Other non-current assets | 其他非流动资产
            total_nca | Total non-current assets | 非流动资产合计
            cash_reser_cb | Cash and deposits with the central bank | 现金及存放中央银行款项
            depos_in_oth_bfi | Deposits with banks and other financial institutions | 存放同业和其它金融机构款项
            prec_metals | Precious metals | 贵金属
            deriv_assets | Derivative assets | 衍生金融资产
            rr_reins_une_prem | Reinsurers' share of unearned premium reserve | 应收分保未到期责任准备金
            rr_reins_outstd_cla | Reinsurers' share of outstanding claims reserve | 应收分保未决赔款准备金
            rr_reins_lins_liab | Reinsurers' share of life insurance reserve | 应收分保寿险责任准备金
            rr_reins_lthins_liab | Reinsurers' share of long-term health insurance reserve | 应收分保长期健康险责任准备金
            refund_depos | Refundable deposits paid | 存出保证金
            ph_pledge_loans | Policy loans | 保户质押贷款
            refund_cap_depos | Statutory capital deposits paid | 存出资本保证金
            indep_acct_assets | Separate account assets | 独立账户资产
            client_depos | Of which: clients' deposits | 其中：客户资金存款
            client_prov | Of which: clients' settlement reserves | 其中：客户备付金
            transac_seat_fee | Of which: exchange seat fees | 其中:交易席位费
            invest_as_receiv | Investments classified as receivables | 应收款项类投资
            total_assets | Total assets | 资产总计
            lt_borr | Long-term borrowings | 长期借款
            st_borr | Short-term borrowings | 短期借款
            cb_borr | Borrowings from the central bank | 向中央银行借款
            depos_ib_deposits | Deposits of customers and banks | 吸收存款及同业存放
            loan_oth_bank | Placements from banks | 拆入资金
            trading_fl | Trading financial liabilities | 交易性金融负债
            notes_payable | Notes payable | 应付票据
            acct_payable | Accounts payable | 应付账款
            adv_receipts | Advances from customers | 预收款项
            sold_for_repur_fa | Financial assets sold under repurchase agreements | 卖出回购金融资产款
            comm_payable | Fees and commissions payable | 应付手续费及佣金
            payroll_payable | Payroll payable | 应付职工薪酬
            taxes_payable | Taxes payable | 应交税费
            int_payable | Interest payable | 应付利息
            div_payable | Dividends payable | 应付股利
            oth_payable | Other payables | 其他应付款
            acc_exp | Accrued expenses | 预提费用
            deferred_inc | Deferred income | 递延收益
            st_bonds_payable | Short-term bonds payable | 应付短期债券
            payable_to_reinsurer | Reinsurance payables | 应付分保账款
            rsrv_insur_cont | Insurance contract reserves | 保险合同准备金
            acting_trading_sec | Clients' money for trading securities | 代理买卖证券款
            acting_uw_sec | Money for underwriting securities | 代理承销证券款
            non_cur_liab_due_1y | Non-current liabilities due within a year | 一年内到期的非流动负债
            oth_cur_liab | Other current liabilities | 其他流动负债
            total_cur_liab | Total current liabilities | 流动负债合计
            bond_payable | Bonds payable | 应付债券
            lt_payable | Long-term payables | 长期应付款
            specific_payables | Special payables | 专项应付款
            estimated_liab | Provisions | 预计负债
            defer_tax_liab | Deferred tax liabilities | 递延所得税负债
            defer_inc_non_cur_liab | Deferred income, non-current | 递延收益-非流动负债
            oth_ncl | Other non-current liabilities | 其他非流动负债
            total_ncl | Total non-current liabilities | 非流动负债合计
            depos_oth_bfi | Deposits of banks and other financial institutions | 同业和其它金融机构存放款项
            deriv_liab | Derivative liabilities | 衍生金融负债
            depos | Deposits of customers | 吸收存款
            agency_bus_liab | Liabilities of agency business | 代理业务负债
            oth_liab | Other liabilities | 其他负债
            prem_receiv_adva | Premiums received in advance | 预收保费
            depos_received | Refundable deposits received | 存入保证金
            ph_invest | Policyholders' deposits and investments | 保户储金及投资款
            reser_une_prem | Unearned premium reserve | 未到期责任准备金
            reser_outstd_claims | Outstanding claims reserve | 未决赔款准备金
            reser_lins_liab | Life insurance reserve | 寿险责任准备金
            reser_lthins_liab | Long-term health insurance reserve | 长期健康险责任准备金
            indept_acc_liab | Separate account liabilities | 独立账户负债
            pledge_borr | Of which: pledged borrowings | 其中:质押借款
            indem_payable | Claims payable | 应付赔付款
            policy_div_payable | Policyholder dividends payable | 应付保单红利
            total_liab | Total liabilities | 负债合计
            treasury_share | Less: treasury shares | 减:库存股
            ordin_risk_reser | General risk reserve | 一般风险准备
            forex_differ | Currency translation differences | 外币报表折算差额
            invest_loss_unconf | Unrecognised investment loss | 未确认的投资损失
            minority_int | Minority interests | 少数股东权益
            total_hldr_eqy_exc_min_int | Equity attributable to the parent's owners | 股东权益合计(不含少数股东权益)
            total_hldr_eqy_inc_min_int | Total equity, minority interests included | 股东权益合计(含少数股东权益)
            total_liab_hldr_eqy | Total liabilities and equity | 负债及股东权益总计
            lt_payroll_payable | Long-term payroll payable | 长期应付职工薪酬
            oth_comp_income | Other comprehensive income | 其他综合收益
            oth_eqt_tools | Other equity instruments | 其他权益工具
            oth_eqt_tools_p_shr | Other equity instruments: preferred shares | 其他权益工具(优先股)
            lending_funds | Margin loans to clients | 融出资金
            acc_receivable | Receivables | 应收款项
            st_fin_payable | Short-term financing payable | 应付短期融资款
            payables | Payables | 应付款项
            hfs_assets | Assets held for sale | 持有待售的资产
            hfs_sales | Liabilities held for sale | 持有待售的负债
            cost_fin_assets | Financial assets at amortised cost | 以摊余成本计量的金融资产
            fair_value_fin_assets | Financial assets at fair value through other comprehensive income | 以公允价值计量且其变动计入其他综合收益的金融资产
            cip_total | Construction in progress, total | 在建工程(合计)(元)
            oth_pay_total | Other payables, total | 其他应付款(合计)(元)
            long_pay_total | Long-term payables, total | 长期应付款(合计)(元)
            debt_invest | Debt investments | 债权投资(元)
            oth_debt_invest | Other debt investments | 其他债权投资(元)
            oth_eq_invest* | Investments in other equity instruments | 其他权益工具投资(元)
            oth_illiq_fin_assets* | Other non-current financial assets | 其他非流动金融资产(元)
            oth_eq_ppbond* | Other equity instruments: perpetual bonds | 其他权益工具:永续债(元)
            receiv_financing* | Receivables financing | 应收款项融资
            use_right_assets* | Right-of-use assets | 使用权资产
            lease_liab* | Lease liabilities | 租赁负债
            contract_assets | Contract assets | 合同资产
            contract_liab | Contract liabilities | 合同负债
            accounts_receiv_bill | Notes and accounts receivable | 应收票据及应收账款
            accounts_pay | Notes and accounts payable | 应付票据及应付账款
            oth_rcv_total | Other receivables, total | 其他应收款(合计)（元）
            fix_assets_total | Fixed assets, total | 固定资产(合计)(元)
        """),
        UPDATE_FLAG,
    ),
    calls=PerPeriod(whole="balancesheet_vip", variants=REPORT_TYPES, rows=REPORT_ROWS, restated=RESTATED),
    expected=Disclosed(),
    points=2000,
    fills=("report_type",),
    versions=Versions(("f_ann_date", "ann_date")),
    rules=(
        STATEMENT_AFTER_PERIOD,
        Rule(
            "balance",
            "abs(total_assets - total_liab - total_hldr_eqy_inc_min_int) <= 1 + 0.00001 * abs(total_assets)",
            "assets are liabilities and equity",
            Severity.WARN,
            "C13",
        ),
    ),
    quirks=(
        VERSIONS,
        "Positions at the end of the period: nothing here counts from the start of the year.",
        "undistr_porfit is spelt so by Tushare.",
        "Banks, insurers and brokers fill other columns than the rest: they have no total_cur_assets, total_nca or their like.",
    ),
)
